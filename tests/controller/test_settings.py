"""The environment is read once, typed, and every mistake in it is told at once."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import Rejected
from controller.settings import PREFIX, AwsAccess, Settings, pairs, variable

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TYPES: dict[str, st.SearchStrategy[object]] = {"str": st.text(), "float": FINITE, "int": st.integers()}
ANY = st.builds(Settings, **{field.name: TYPES[str(field.type)] for field in dataclasses.fields(Settings)})
REQUIRED = [field.name for field in dataclasses.fields(Settings) if field.default is dataclasses.MISSING]


def smallest() -> dict[str, str]:
    """The environment with what must be there and no more."""
    return {variable(name): f"some-{name}" for name in REQUIRED}


@given(ANY)
def test_settings_read_back_from_the_variables_they_make(settings: Settings) -> None:
    assert Settings.read(settings.environ()) == settings


def test_there_is_one_variable_for_each_field() -> None:
    environ = Settings.read(smallest()).environ()

    assert set(environ) == {variable(field.name) for field in dataclasses.fields(Settings)}
    assert all(name.startswith(PREFIX) and name == name.upper() for name in environ)


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.read(smallest())

    assert settings.jobs_table == "some-jobs_table"
    assert settings.claim_deadline_s == 180.0
    assert settings.job_limit_s == 6 * 3_600
    assert settings.github_api_url == "https://api.github.com"


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(Rejected) as refusal:
        Settings.read({})

    assert all(f"{variable(name)} is not set" in str(refusal.value) for name in REQUIRED)


def test_everything_that_is_malformed_is_told_together_with_what_is_missing() -> None:
    environ = smallest() | {variable("claim_deadline_s"): "soon", variable("drain_limit"): "2.5"}
    del environ[variable("region")]

    with pytest.raises(Rejected) as refusal:
        Settings.read(environ)

    assert "SPOTRUNNER_CLAIM_DEADLINE_S is not a number: 'soon'" in str(refusal.value)
    assert "SPOTRUNNER_DRAIN_LIMIT is not a whole number: '2.5'" in str(refusal.value)
    assert "SPOTRUNNER_REGION is not set" in str(refusal.value)


def test_other_variables_are_none_of_its_business() -> None:
    assert Settings.read(smallest() | {"HOME": "/root", "SPOTRUNNER_COLOUR": "blue"}) == Settings.read(smallest())


def test_no_setting_holds_a_secret_itself() -> None:
    names = [field.name for field in dataclasses.fields(Settings)]

    assert not [name for name in names if "secret" in name and not name.endswith(("_secret_id", "_ttl_s"))]
    assert not [name for name in names if name.endswith(("_key", "_token", "_password"))]


def test_the_queue_is_read_again_before_a_lost_launch_is_missed() -> None:
    settings = Settings.read(smallest())

    # A launch must be replayed before its machines give up, and a claim fits into the provisioning time.
    assert settings.launch_replay_s < settings.claim_deadline_s < settings.provisioning_deadline_s


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("linux/x64=lt-1,linux/arm64=lt-2", {"linux/x64": "lt-1", "linux/arm64": "lt-2"}),
        ("a=1,,b=2,", {"a": "1", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_pairs_are_read_in_order(text: str, found: dict[str, str]) -> None:
    assert list(pairs(text).items()) == list(found.items())


AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIA-EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "canary-secret",
    "AWS_SESSION_TOKEN": "canary-token",
}


def test_access_to_aws_comes_from_lambdas_own_variables() -> None:
    access = AwsAccess.read(AWS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"})

    assert (access.region, access.endpoint) == ("us-east-1", "http://127.0.0.1:5000")
    assert (access.credentials.access_key, access.credentials.token) == ("AKIA-EXAMPLE", "canary-token")
    assert AwsAccess.read(AWS).endpoint == ""


def test_access_to_aws_shows_no_secret() -> None:
    assert "canary" not in repr(AwsAccess.read(AWS))


def test_what_aws_has_not_set_is_told_at_once() -> None:
    with pytest.raises(Rejected, match="AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY not set"):
        AwsAccess.read({"AWS_REGION": ""})
