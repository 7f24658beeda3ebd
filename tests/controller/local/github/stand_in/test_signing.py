from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from controller.local.github.stand_in.signing import client_assertion


@pytest.mark.parametrize("size", [2048, 3072])
def test_an_assertion_verifies_with_the_public_key(size: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=size)
    numbers = key.private_numbers()
    parameters = {
        "modulus": numbers.public_numbers.n,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "inverseq": numbers.iqmp,
    }

    assertion = client_assertion("client-1", "http://host/token", parameters)

    claims = jwt.decode(assertion, key.public_key(), ["RS256"], audience="http://host/token", issuer="client-1")
    assert claims["exp"] - claims["iat"] == 300
