from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from controller.local.github.stand_in.jit import BadConfiguration, load, load_dotenv, remove, unpack


def encode(files: dict[str, bytes]) -> str:
    inner = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return base64.b64encode(json.dumps(inner).encode()).decode()


def test_every_file_is_written_and_a_prepared_one_keeps_its_mode(tmp_path: Path) -> None:
    prepared = tmp_path / ".credentials_rsaparams"
    prepared.touch(mode=0o600)

    unpack(encode({".runner": b"{}", ".credentials_rsaparams": b"key"}), tmp_path)

    assert (tmp_path / ".runner").read_bytes() == b"{}"
    assert prepared.read_bytes() == b"key"
    assert stat.S_IMODE(prepared.stat().st_mode) == 0o600


def test_a_file_name_cannot_lead_out_of_the_root(tmp_path: Path) -> None:
    unpack(encode({"../../escaped": b"x"}), tmp_path)

    assert (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    "encoded", ["!", "bm8=", base64.b64encode(b'{"a": 1}').decode(), base64.b64encode(b"[]").decode()]
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, encoded: str) -> None:
    with pytest.raises(BadConfiguration):
        unpack(encoded, tmp_path)


def test_names_may_be_written_in_either_case(tmp_path: Path) -> None:
    runner = {"agentId": 7, "agentName": "r", "serverUrlV2": "http://b/", "disableUpdate": True}
    credentials = {"Scheme": "OAuth", "Data": {"ClientId": "c", "AuthorizationUrl": "http://t"}}
    files = {".runner": runner, ".credentials": credentials, ".credentials_rsaparams": {"inverseQ": "AQ=="}}

    unpack(encode({name: json.dumps(document).encode() for name, document in files.items()}), tmp_path)

    settings = load(tmp_path)
    assert (settings.runner_id, settings.client_id, settings.work_folder) == (7, "c", "_work")
    assert settings.disable_update
    assert settings.key == {"inverseq": 1}


def test_an_unconfigured_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="Not configured"):
        load(tmp_path)


def test_removing_names_what_the_real_listener_names(tmp_path: Path) -> None:
    for name in (".runner", ".credentials", ".credentials_rsaparams"):
        (tmp_path / name).touch()

    assert remove(tmp_path) == [".credentials", ".runner"]
    assert list(tmp_path.iterdir()) == []


def test_dotenv_overrides_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH_LIKE", "before")
    (tmp_path / ".env").write_text("PATH_LIKE=a=b\n\nnonsense\n")

    load_dotenv(tmp_path)

    assert os.environ["PATH_LIKE"] == "a=b"
