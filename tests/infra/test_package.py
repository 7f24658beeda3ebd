from __future__ import annotations

import importlib.util
import os
import zipfile
from pathlib import Path

import pytest

from controller import wiring
from infra import package
from infra.package import NotPacked
from tests.infra.conftest import build_folder


def names(archive: package.Archive) -> list[str]:
    with zipfile.ZipFile(archive.path) as opened:
        return opened.namelist()


def test_the_same_code_gives_the_same_archive(tmp_path: Path) -> None:
    first, second = build_folder(tmp_path / "one"), build_folder(tmp_path / "two")
    # Another checkout at another time, by another user.
    os.utime(second / "dependencies" / "somebody" / "__init__.py", (1, 1))
    (second / "dependencies" / "somebody" / "__init__.py").chmod(0o600)

    archives = [(package.webhook(build), package.functions(build)) for build in (first, second)]

    assert [a.sha256 for a in archives[0]] == [a.sha256 for a in archives[1]]
    assert archives[0][1].path.read_bytes() == archives[1][1].path.read_bytes()


def test_other_code_gives_another_hash(tmp_path: Path) -> None:
    build = build_folder(tmp_path)
    before = package.functions(build)
    (build / "dependencies" / "somebody" / "__init__.py").write_text("x = 2\n")

    after = package.functions(build)

    assert after.sha256 != before.sha256


def test_the_webhooks_archive_holds_nothing_but_our_own_code(tmp_path: Path) -> None:
    archive = package.webhook(build_folder(tmp_path))

    outside = [
        name
        for name in names(archive)
        if not name.startswith(("controller/", "runner_agent/contract/")) and name != "runner_agent/__init__.py"
    ]
    assert outside == []
    assert [name for name in names(archive) if not name.endswith((".py", ".json", ".typed"))] == []


def test_neither_local_mode_nor_the_command_line_is_deployed(tmp_path: Path) -> None:
    build = build_folder(tmp_path)

    deployed = {*names(package.webhook(build)), *names(package.functions(build))}

    assert [name for name in deployed if name.startswith(("controller/local/", "controller/cli/"))] == []


def test_the_functions_archive_adds_what_was_installed_for_them(tmp_path: Path) -> None:
    build = build_folder(tmp_path)

    added = set(names(package.functions(build))) - set(names(package.webhook(build)))

    assert added == {"somebody/__init__.py"}


def test_compiled_files_of_this_machine_stay_out(tmp_path: Path) -> None:
    build = build_folder(tmp_path)
    cached = build / "dependencies" / "somebody" / "__pycache__"
    cached.mkdir()
    (cached / "__init__.cpython-311.pyc").write_bytes(b"x")

    archive = package.functions(build)

    assert [name for name in names(archive) if "__pycache__" in name] == []


def test_what_pip_says_about_the_machine_it_ran_on_stays_out(tmp_path: Path) -> None:
    build = build_folder(tmp_path)
    for name in ("bin/tool", "somebody-1.dist-info/RECORD", "somebody-1.dist-info/entry_points.txt"):
        file = build / "dependencies" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("#!/home/me/bin/python\n")

    found = names(package.functions(build))

    assert "somebody-1.dist-info/entry_points.txt" in found
    assert not {"bin/tool", "somebody-1.dist-info/RECORD"} & set(found)


@pytest.mark.parametrize("function", wiring.FUNCTIONS, ids=lambda function: function.name)
def test_every_handler_lies_in_its_archive(function: wiring.Function, tmp_path: Path) -> None:
    build = build_folder(tmp_path)
    archive = package.webhook(build) if function is wiring.WEBHOOK else package.functions(build)

    module, _, attribute = function.handler.rpartition(".")
    with zipfile.ZipFile(archive.path) as opened:
        source = opened.read(module.replace(".", "/") + ".py").decode()

    assert f"def {attribute}(" in source
    assert importlib.util.find_spec(module) is not None


def test_missing_dependencies_are_told_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(NotPacked, match=r"python -m infra\.package"):
        package.functions(tmp_path)


def test_an_archive_that_lambda_would_refuse_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = build_folder(tmp_path)
    monkeypatch.setattr(package, "MAX_ZIPPED", 1_000)

    with pytest.raises(NotPacked, match="Lambda takes 1,000"):
        package.webhook(build)


def test_dependencies_are_installed_for_lambdas_platform_and_not_for_this_one(tmp_path: Path) -> None:
    command = package.vendor_command(tmp_path, package.requirements())

    assert "manylinux2014_aarch64" in command
    assert "--only-binary=:all:" in command
    assert any(part.startswith("boto3") for part in command)
    assert not any(part.startswith(("moto", "pulumi", "pytest")) for part in command)
