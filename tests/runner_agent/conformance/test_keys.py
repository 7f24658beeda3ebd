from __future__ import annotations

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from controller.local.github.stand_in.signing import client_assertion
from runner_agent.conformance.keys import BITS, EXPONENT, BadAssertion, KeyPair
from runner_agent.conformance.registration import Registration
from tests.runner_agent.conformance import rig


@pytest.fixture
def key() -> KeyPair:
    return rig.key()


def numbers(key: KeyPair) -> dict[str, int]:
    return {name.lower(): int.from_bytes(base64.b64decode(text), "big") for name, text in key.parameters().items()}


def test_a_generated_pair_is_one_by_openssls_rules(key: KeyPair) -> None:
    parts = numbers(key)

    public = rsa.RSAPublicNumbers(parts["exponent"], parts["modulus"])
    private = rsa.RSAPrivateNumbers(
        parts["p"], parts["q"], parts["d"], parts["dp"], parts["dq"], parts["inverseq"], public
    ).private_key()

    assert private.key_size == BITS
    assert parts["exponent"] == EXPONENT


def test_what_a_runner_signs_with_its_parameters_is_believed(key: KeyPair) -> None:
    registration = Registration("r1", key)

    token = client_assertion(registration.client_id, "http://127.0.0.1/token", numbers(key))

    assert key.claims(token)["iss"] == registration.client_id
    registration.check(token, time.time())


def test_another_runners_token_is_refused(key: KeyPair) -> None:
    token = client_assertion("somebody", "http://127.0.0.1/token", numbers(key))

    with pytest.raises(BadAssertion, match="another runner's"):
        Registration("r1", key).check(token, time.time())


def test_an_expired_token_is_refused(key: KeyPair) -> None:
    registration = Registration("r1", key)
    token = client_assertion(registration.client_id, "http://127.0.0.1/token", numbers(key))

    with pytest.raises(BadAssertion, match="expired"):
        registration.check(token, time.time() + 3_600)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_signed_token_is_refused(key: KeyPair, token: str) -> None:
    with pytest.raises(BadAssertion):
        key.claims(token)


def test_a_token_with_another_body_is_refused(key: KeyPair) -> None:
    header, _, signature = client_assertion("r1", "http://127.0.0.1/token", numbers(key)).split(".")

    with pytest.raises(BadAssertion, match="signature"):
        key.claims(f"{header}.e30.{signature}")


def test_no_private_number_is_shown(key: KeyPair) -> None:
    assert str(key.p) not in repr(key)
    assert str(key.q) not in repr(Registration("r1", key))
