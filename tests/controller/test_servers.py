from __future__ import annotations

import dataclasses

import pytest

from controller.errors import Rejected
from controller.servers import App, Server, hosts, names, servers
from controller.settings import Settings

ALONE = Settings(
    **{field.name: field.name for field in dataclasses.fields(Settings) if field.default is dataclasses.MISSING}  # type: ignore[arg-type]  # all of them are text
)


def test_a_stack_that_says_no_more_has_one_server_without_a_name() -> None:
    (server,) = servers(ALONE)

    app = App("app_id", "app_key_secret_id")
    assert server == Server("", "https://api.github.com", "webhook_secret_id", (app,))


def test_further_servers_have_names_secrets_and_apps_of_their_own() -> None:
    settings = dataclasses.replace(
        ALONE,
        github_servers="corp=https://ghe.example/api/v3,eu=https://api.octo.ghe.com",
        further_webhook_secret_id="corp=corp-webhook,eu=arn:aws:secretsmanager:us-east-1:1:secret:eu-webhook",
        further_apps="/2=second,corp/12=corp-key,corp/13=corp-more,eu/7=eu-key",
    )

    first, corp, eu = servers(settings)

    assert [app.app_id for app in first.apps] == ["app_id", "2"]
    assert corp.apps == (App("12", "corp-key"), App("13", "corp-more"))
    assert eu.webhook_secret_id.endswith(":secret:eu-webhook")
    assert names([first, corp, eu]) == {
        "https://api.github.com": "",
        "https://ghe.example/api/v3": "corp",
        "https://api.octo.ghe.com": "eu",
    }
    assert hosts([first, corp, eu]) == {"github.com": "", "ghe.example": "corp", "octo.ghe.com": "eu"}


@pytest.mark.parametrize("half", [{"further_webhook_secret_id": "corp=s"}, {"further_apps": "corp/12=k"}])
def test_a_server_that_is_described_by_half_is_refused(half: dict[str, str]) -> None:
    settings = dataclasses.replace(ALONE, github_servers="corp=https://ghe.example/api/v3", **half)  # type: ignore[arg-type]  # text

    with pytest.raises(Rejected, match="server corp has no webhook secret or no App"):
        servers(settings)
