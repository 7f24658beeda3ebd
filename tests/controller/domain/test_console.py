from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.console import HIDDEN, LONGEST, readable


def test_the_last_words_are_kept_as_plain_text() -> None:
    text = "old\n" * 2_000 + "\x1b[0;1;31m[FAILED]\x1b[0m Failed to start spotrunner-agent.service.\r\n\r\n"

    shown = readable(text)

    assert shown.endswith("[FAILED] Failed to start spotrunner-agent.service.")
    assert len(shown) <= LONGEST


@pytest.mark.parametrize(
    "secret",
    [
        "ghs_" + "a1" * 18,
        "github_pat_" + "b2" * 20,
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl",
        "AKIA" + "Q" * 16,
        "QUFB" * 40,
    ],
)
def test_what_looks_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    shown = readable(f"agent: got {secret} and went on\n")

    assert shown == f"agent: got {HIDDEN} and went on"


def test_a_secret_behind_its_name_is_hidden() -> None:
    shown = readable("curl -H 'Authorization: Bearer abc.def' --data password=hunter2&token=t0k3n")

    assert "abc.def" not in shown
    assert "hunter2" not in shown
    assert "t0k3n" not in shown


@pytest.mark.parametrize("end", ["-----END RSA PRIVATE KEY-----", ""])
def test_a_private_key_is_hidden_whole_even_where_its_end_is_cut_off(end: str) -> None:
    shown = readable(f"before\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n{end}")

    assert shown == f"before\n{HIDDEN}"


@given(st.text(max_size=3_000))
def test_any_text_becomes_short_and_printable(text: str) -> None:
    shown = readable(text)

    assert len(shown) <= LONGEST
    assert all(char in "\t\n" or char.isprintable() for char in shown)
    shown.encode()
