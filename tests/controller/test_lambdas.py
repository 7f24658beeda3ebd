"""Who asks at the claim door: what API Gateway has verified, and nothing that the request says itself."""

from __future__ import annotations

import pytest

from controller import lambdas
from controller.errors import Rejected

ROLES = frozenset({"dev-us-east-1-machine", "dev-us-east-1-runner-deploy"})


def event(role: str, session: str = "i-0123") -> dict[str, object]:
    arn = f"arn:aws:sts::123456789012:assumed-role/{role}/{session}"
    return {"requestContext": {"authorizer": {"iam": {"userArn": arn}}}}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_machine_is_its_session_in_any_of_the_machines_roles(role: str) -> None:
    assert lambdas._caller(event(role), ROLES) == "i-0123"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(event("dev-us-east-1-runner-deploy-2"), id="a role that begins alike"),
        pytest.param(event("prod-us-east-1-machine"), id="another stack's machine"),
        pytest.param(event("dev-us-east-1-machine-log"), id="the role for logs"),
        pytest.param(event("dev-us-east-1-machine", "somebody"), id="a session that is no machine's"),
        pytest.param(event("", "dev-us-east-1-machine"), id="a role's name in the wrong place"),
        pytest.param({"requestContext": {"authorizer": {}}}, id="nobody"),
    ],
)
def test_nobody_else_is_a_machine(given: dict[str, object]) -> None:
    with pytest.raises(Rejected):
        lambdas._caller(given, ROLES)
