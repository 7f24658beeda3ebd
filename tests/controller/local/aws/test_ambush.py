from __future__ import annotations

import pytest

from controller.local.aws.ambush import Ambushes, Moment
from controller.local.aws.calls import Call, CallLog
from controller.local.aws.gate import Gate, allow
from controller.local.aws.principals import CredentialStore, Principal, PrincipalKind
from controller.local.aws.web import Reply, Request, typed

CLAIM = Principal(PrincipalKind.FUNCTION, "claim", "stack-claim", "stack-claim")
OTHER = Principal(PrincipalKind.FUNCTION, "reports", "stack-reports", "stack-reports")
MACHINE = Principal(PrincipalKind.INSTANCE, "claim", "stack-machine", "i-1")


class Scene:
    """A gate with one service, which writes down who was heard and who was killed, in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.gate = Gate(CredentialStore(), self.serve, allow, CallLog())
        self.gate.ambushes = Ambushes(lambda name: self.happened.append(f"{name} killed"))

    def serve(self, call: Call) -> Reply:
        self.happened.append(f"{call.principal.name} served")
        return typed(200, "{}", "application/json")

    def ask(self, who: Principal = CLAIM) -> int:
        request = Request("POST", "/", {"x-amz-target": "Any.Thing"}, b"{}")
        return self.gate.perform(Call(who, "dynamodb", "us-east-1", request)).status


@pytest.mark.parametrize(
    ("moment", "happened"),
    [(Moment.BEFORE, ["claim killed"]), (Moment.AFTER, ["claim served", "claim killed"])],
)
def test_a_function_is_killed_before_or_after_its_call(moment: Moment, happened: list[str]) -> None:
    scene = Scene()
    scene.gate.ambushes.lay("claim", 1, moment)

    scene.ask()

    assert scene.happened == happened


def test_the_calls_before_the_one_that_is_named_go_through_and_the_trap_strikes_once() -> None:
    scene = Scene()
    scene.gate.ambushes.lay("claim", 3, Moment.BEFORE)

    answers = [scene.ask() for _ in range(4)]

    assert answers == [200, 200, 503, 200]
    assert scene.happened.count("claim killed") == 1


def test_nobody_else_steps_into_a_functions_trap() -> None:
    scene = Scene()
    scene.gate.ambushes.lay("claim", 1, Moment.BEFORE)

    assert [scene.ask(OTHER), scene.ask(MACHINE)] == [200, 200]


def test_a_trap_that_is_lifted_strikes_nobody() -> None:
    scene = Scene()
    scene.gate.ambushes.lay("claim", 1, Moment.BEFORE)

    scene.gate.ambushes.lift()

    assert scene.ask() == 200
