from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
import requests

from controller.local.github.config import Config, Installation
from controller.local.github.server import GitHub
from tests.controller.local.github.stage import GENEROUS_S, App

CONTENTS = "/repos/acme/shop/contents"
OTHER = Installation("globex", ("shop", "ledger"), 71_234_567)
TEXT = "runners:\n" + "  linux-2cpu: {cpu: 2}  # ünïcode\n" * 9


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub(Config(others=(OTHER,))) as running:
        yield running


def test_a_file_comes_in_base64_with_its_blobs_sha(github: GitHub, app: App) -> None:
    github.put_file("shop", ".github/spotrunner.yml", TEXT)

    answer = app.call("GET", f"{CONTENTS}/.github/spotrunner.yml")

    assert base64.b64decode(answer.body["content"]).decode() == TEXT
    assert max(map(len, answer.body["content"].splitlines())) == 60
    assert (answer.body["encoding"], answer.body["size"]) == ("base64", len(TEXT.encode()))


def test_a_folder_lists_its_files_alone(github: GitHub, app: App) -> None:
    for path in ("docs/a.md", "docs/b.md", "docs/deep/c.md", "d.md"):
        github.put_file("acme/shop", path, path)

    assert [each["path"] for each in app.call("GET", f"{CONTENTS}/docs").body] == ["docs/a.md", "docs/b.md"]


def test_a_file_can_be_had_raw(github: GitHub, app: App) -> None:
    github.put_file("shop", "a.txt", TEXT)
    app.sign_in()
    headers = {"Authorization": f"Bearer {app.token}", "Accept": "application/vnd.github.raw+json"}

    answer = requests.get(f"{github.base_url}{CONTENTS}/a.txt", headers=headers, timeout=GENEROUS_S)

    assert answer.content.decode() == TEXT


def test_only_the_newest_commit_has_contents(github: GitHub, app: App) -> None:
    first = github.put_file("shop", "a.txt", "one")
    second = github.put_file("shop", "a.txt", "two")

    assert app.call("GET", f"{CONTENTS}/a.txt", ref=second).status == 200
    assert app.call("GET", f"{CONTENTS}/a.txt", ref="main").status == 200
    assert app.call("GET", f"{CONTENTS}/a.txt", ref=first).status == 404
    assert app.call("GET", f"{CONTENTS}/b.txt").status == 404


def test_an_installation_sees_the_repositories_of_its_organisation_alone(app: App) -> None:
    mine = app.call("GET", "/installation/repositories", per_page="1")
    app.token = app.call("POST", f"/app/installations/{OTHER.id}/access_tokens", token=app.jwt()).body["token"]
    theirs = app.call("GET", "/installation/repositories").body

    assert [each["full_name"] for each in mine.body["repositories"]] == ["acme/shop"]
    assert [each["full_name"] for each in theirs["repositories"]] == ["globex/shop", "globex/ledger"]
    assert app.call("GET", "/repos/globex/ledger").body["full_name"] == "globex/ledger"
    assert app.call("GET", "/repos/acme/shop").status == 404
    assert app.call("GET", "/orgs/acme/actions/runners").status == 404


def test_the_app_finds_its_installations(app: App) -> None:
    listed = app.call("GET", "/app/installations", token=app.jwt()).body
    paths = ["/orgs/globex/installation", "/repos/globex/ledger/installation", f"/app/installations/{OTHER.id}"]

    assert [each["account"]["login"] for each in listed] == ["acme", "globex"]
    assert [app.call("GET", path, token=app.jwt()).body["id"] for path in paths] == [OTHER.id] * 3
    assert app.call("GET", "/orgs/nobody/installation", token=app.jwt()).status == 404


def test_people_name_a_repository_that_must_exist(github: GitHub) -> None:
    assert github.repositories == ("acme/shop", "globex/shop", "globex/ledger")
    with pytest.raises(KeyError, match="globex/ledger"):
        github.put_file("acme/nothing", "a", "b")
