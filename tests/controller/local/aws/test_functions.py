from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.local.aws.environment import Deployed
from controller.local.aws.functions import LambdaFunction
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud


Deploy = Callable[..., LambdaFunction]

DOORS = """
import os, sys, time

def echo(event, context):
    print("called with", event)
    return {"event": event, "id": context.aws_request_id, "pid": os.getpid(), "name": context.function_name,
            "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn}

def environ(event, context):
    return dict(os.environ)

def modules(event, context):
    return sorted(name for name in sys.modules if name.startswith(("controller", "boto", "moto")))

def fail(event, context):
    raise ValueError("no " + event)

def unserializable(event, context):
    return object()

def sleep(event, context):
    time.sleep(event)

def wait(event, context):
    print("waiting")
    time.sleep(event)
    return "waited"

def leave(event, context):
    os._exit(3)

def meet(event, context):
    open(event + "/" + str(os.getpid()), "w").close()
    while len(os.listdir(event)) < 2:
        time.sleep(0.01)
    return os.getpid()
"""


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Deploy]:
    (tmp_path / "doors.py").write_text(DOORS)
    functions: list[LambdaFunction] = []

    def deployed(handler: str, timeout_s: float = 30.0, concurrency: int = 1) -> LambdaFunction:
        environment = {
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "_HANDLER": handler if "." in handler else f"doors.{handler}",
            "AWS_LAMBDA_FUNCTION_NAME": "stack-door",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/stack-door",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        }
        function = Deployed("door", "arn:aws:lambda:door", timeout_s, environment, tmp_path / "door.log")
        functions.append(LambdaFunction(function, concurrency))
        return functions[-1]

    yield deployed
    for function in functions:
        function.close()


def answer(function: LambdaFunction, event: object = None) -> Any:  # noqa: ANN401 - whatever the handler says
    outcome = function.invoke(json.dumps(event).encode())
    assert outcome is not None
    assert outcome.error == ""
    return json.loads(outcome.payload)


def fault(function: LambdaFunction, event: object = None) -> tuple[str, Any]:
    outcome = function.invoke(json.dumps(event).encode())
    assert outcome is not None
    return outcome.error, json.loads(outcome.payload)


def test_a_handler_gets_the_event_and_a_context(deploy: Deploy, tmp_path: Path) -> None:
    told = answer(deploy("echo", timeout_s=20), {"a": [1]})

    assert told["event"] == {"a": [1]}
    assert (told["name"], told["arn"]) == ("stack-door", "arn:aws:lambda:door")
    assert 0 < told["left"] <= 20_000
    assert (tmp_path / "door.log").read_text() == "called with {'a': [1]}\n"


def test_one_process_serves_one_call_after_another(deploy: Deploy) -> None:
    function = deploy("echo")

    first, second = answer(function), answer(function)

    assert first["pid"] == second["pid"]
    assert first["id"] != second["id"]
    assert function.tally().environments == 1


def test_calls_run_side_by_side_up_to_the_concurrency(deploy: Deploy, tmp_path: Path) -> None:
    function = deploy("meet", concurrency=2)
    (tmp_path / "meeting").mkdir()
    pids: list[int] = []
    threads = [
        threading.Thread(target=lambda: pids.append(answer(function, str(tmp_path / "meeting")))) for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(pids)) == 2


def test_a_caller_who_gets_no_turn_in_time_gets_nothing(deploy: Deploy) -> None:
    function = deploy("sleep")
    busy = threading.Thread(target=lambda: function.invoke(b"1000"))
    busy.start()
    eventually(lambda: function.tally().environments == 1)

    outcome = function.invoke(b"0", patience_s=0.01)

    assert outcome is None
    function.close()
    busy.join()


def test_a_function_sees_the_variables_of_lambda_and_no_others(deploy: Deploy) -> None:
    seen = answer(deploy("environ"))

    assert set(seen) - {"LC_CTYPE"} == {
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
    }


def test_nothing_of_the_local_cloud_is_in_a_functions_process(deploy: Deploy) -> None:
    assert answer(deploy("modules")) == []


@pytest.mark.parametrize(
    ("handler", "event", "told"),
    [
        ("fail", "such thing", {"errorType": "ValueError", "errorMessage": "no such thing"}),
        ("unserializable", None, {"errorType": "TypeError"}),
    ],
)
def test_an_error_is_told_and_the_process_lives_on(
    deploy: Deploy, handler: str, event: object, told: dict[str, str]
) -> None:
    function = deploy(handler)

    errors = [fault(function, event) for _ in range(2)]

    for error, payload in errors:
        assert error == "Unhandled"
        assert told.items() <= payload.items()
    assert (function.tally().errors, function.tally().environments) == (2, 1)


def test_a_call_beyond_the_timeout_is_cut_off_and_the_next_one_gets_a_new_process(
    deploy: Deploy, tmp_path: Path
) -> None:
    function = deploy("sleep", timeout_s=2.0)
    answer(function, 0)

    late = fault(function, 1000)
    answer(function, 0)

    assert late[0] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in (tmp_path / "door.log").read_text()
    assert function.tally().environments == 2


def test_a_process_that_ends_is_an_error_and_is_replaced(deploy: Deploy) -> None:
    function = deploy("leave")

    errors = [fault(function)[0] for _ in range(2)]

    assert errors == ["Runtime.ExitError", "Runtime.ExitError"]
    assert function.tally().environments == 2


@pytest.mark.parametrize("handler", ["doors.nobody", "nowhere.door"])
def test_a_handler_that_cannot_be_loaded_is_an_error_of_the_init(deploy: Deploy, handler: str) -> None:
    error, payload = fault(deploy(handler))

    assert error == "Runtime.InitError"
    assert payload["errorType"] in {"AttributeError", "ModuleNotFoundError"}


def test_closing_ends_a_call_that_is_under_way(deploy: Deploy) -> None:
    function = deploy("sleep")
    outcomes: list[Any] = []
    busy = threading.Thread(target=lambda: outcomes.append(function.invoke(b"1000")))
    busy.start()
    eventually(lambda: function.tally().environments == 1)

    function.close()
    busy.join(10)

    assert outcomes[0].error
    assert function.invoke(b"0") is None


def test_a_warm_function_has_its_process_before_the_first_call(deploy: Deploy) -> None:
    function = deploy("echo")

    function.warm()
    function.warm()

    assert function.tally().environments == 1
    answer(function)
    assert function.tally().environments == 1


def test_a_process_that_is_killed_at_work_fails_its_call_and_another_serves_the_next(deploy: Deploy) -> None:
    function = deploy("wait")
    outcomes: list[Any] = []
    busy = threading.Thread(target=lambda: outcomes.append(function.invoke(b"1000")))
    busy.start()
    log = function.deployed.log
    eventually(lambda: log.exists() and "waiting" in log.read_text())

    function.kill()
    busy.join(30)

    assert outcomes[0].error == "Runtime.ExitError"
    assert answer(function, 0) == "waited"
    assert function.tally().environments == 2


def test_a_process_that_has_nothing_to_do_is_not_killed(deploy: Deploy) -> None:
    function = deploy("echo")
    first = answer(function)

    function.kill()

    assert answer(function)["pid"] == first["pid"]
