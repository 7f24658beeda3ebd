from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.listener import jit
from tests.runner_agent.runners import JIT_SECRET, jit_config


def test_the_files_are_those_that_the_listener_writes() -> None:
    found = jit.files(jit_config())

    assert found.keys() == {".runner", ".credentials", ".credentials_rsaparams"}
    assert json.loads(found[".runner"].decode("utf-8-sig"))["AgentName"] == "sr-1"


def test_the_update_is_switched_off_and_nothing_else_changes() -> None:
    before = jit.files(jit_config())

    after = jit.files(jit.without_update(jit_config()))

    settings = json.loads(after.pop(".runner"))
    assert settings == {**json.loads(before.pop(".runner").decode("utf-8-sig")), "DisableUpdate": True}
    assert after == before


@given(st.text())
def test_row_06_what_cannot_be_a_config_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(jit.BadJit) as caught:
        jit.without_update(text)

    assert len(text) < 4 or text not in str(caught.value)


def test_every_form_of_a_secret_part_is_known() -> None:
    forms = set(jit.secrets(jit_config()))

    assert {jit_config(), JIT_SECRET, "canary-client-id-1234"} <= forms
    assert "sr-1" not in forms
