from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from runner_agent.aws import Signer
from runner_agent.contract.bundle import RunnerPackage
from runner_agent.contract.reports import Source
from runner_agent.contract.sigv4 import Credentials
from runner_agent.download import NoRoom, Rejected, RunnerUnavailable, Store, baked, ensure
from runner_agent.unpack import unpack
from tests.runner_agent import runners
from tests.runner_agent.stage import Served, Stage


class Shop:
    """A machine's store and the places that it can buy from."""

    def __init__(self, stage: Stage, home: Path) -> None:
        self.stage = stage
        self.said: list[tuple[str, dict[str, object]]] = []
        signer = Signer("eu-west-1", lambda: Credentials("AKIA", "made-up", "token"), stage.url)
        self.store = Store(home, signer, self._tell, lambda: None)
        self.data, self.sha256 = runners.archive([])

    def _tell(self, event: str, **facts: object) -> None:
        self.said.append((event, facts))

    def serve(self, path: str, data: bytes | None = None, **how: int) -> str:
        self.stage.files[path] = Served(self.data if data is None else data, cut_after=how.get("cut_after"))
        return f"{self.stage.url}{path}"

    def package(self, *sources: str, version: str = "2.336.0") -> RunnerPackage:
        return RunnerPackage(version, self.sha256, sources)


@pytest.fixture
def shop(stage: Stage, tmp_path: Path) -> Shop:
    return Shop(stage, tmp_path)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def left_over(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "runner").iterdir())


def test_the_runner_on_board_is_used_as_it_is(shop: Shop) -> None:
    folder = runners.install(shop.store.home, [])

    assert ensure(shop.package("http://127.0.0.1:1/never"), shop.store) == (folder, False, None, Source.IMAGE)
    assert baked(shop.store.home) == ("2.336.0",)


def test_a_runner_is_downloaded_verified_and_put_in_its_place(shop: Shop) -> None:
    source = shop.serve("/runner.tar.gz")

    folder, fresh, _, origin = ensure(shop.package(source), shop.store)

    assert fresh
    assert origin is Source.GITHUB
    assert os.access(folder / "bin" / "Runner.Listener", os.X_OK)
    assert left_over(shop.store.home) == ["2.336.0"]


def test_an_s3_source_is_read_with_the_machines_role(shop: Shop) -> None:
    shop.serve("/bucket/runner.tar.gz")

    ensure(shop.package("s3://bucket/runner.tar.gz"), shop.store)

    assert "/s3/aws4_request" in shop.stage.files["/bucket/runner.tar.gz"].headers[0]["Authorization"]


def test_row_19_a_corrupt_runner_is_thrown_away_and_the_next_source_asked(shop: Shop) -> None:
    bad, good = shop.serve("/bad", flipped(shop.data)), shop.serve("/good")

    folder, *_ = ensure(shop.package(bad, good), shop.store)

    assert (folder / "bin" / "Runner.Listener").is_file()
    assert [facts["source"] for event, facts in shop.said if event == "runner_source_failed"] == [bad]


def test_row_19_a_runner_that_never_proves_itself_is_never_unpacked(shop: Shop) -> None:
    bad = shop.serve("/bad", flipped(shop.data))

    with pytest.raises(RunnerUnavailable, match="SHA-256"):
        ensure(shop.package(bad), shop.store)

    assert len(shop.stage.files["/bad"].headers) == 3
    assert left_over(shop.store.home) == []


def test_row_20_a_download_that_breaks_off_is_taken_from_the_next_source(shop: Shop) -> None:
    short, good = shop.serve("/short", cut_after=100), shop.serve("/good")

    folder, *_ = ensure(shop.package(short, good), shop.store)

    assert (folder / "bin" / "Runner.Listener").is_file()
    assert "of" in str(shop.said[0][1]["error"])


def test_row_20_a_download_that_trickles_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner_agent.fetch.SOURCE_S", -1.0)

    with pytest.raises(RunnerUnavailable, match="too slow"):
        ensure(shop.package(shop.serve("/slow")), shop.store)


def test_row_21_a_poisoned_cache_is_told_and_the_next_source_asked(shop: Shop) -> None:
    shop.serve("/cache/runner", flipped(shop.data))

    ensure(shop.package("s3://cache/runner", shop.serve("/good")), shop.store)

    event, facts = shop.said[0]
    assert (event, facts["source"]) == ("runner_source_failed", "s3://cache/runner")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "evil",
    [
        member("../outside"),
        member("bin/../../outside"),
        member("link", tarfile.SYMTYPE, "../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "../outside"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("/tmp/outside"),
    ],
)
def test_row_22_an_archive_that_would_leave_its_folder_is_refused(shop: Shop, evil: tarfile.TarInfo) -> None:
    shop.data, shop.sha256 = runners.archive([], extra=[evil])

    with pytest.raises(RunnerUnavailable, match=r"leaves its folder|neither a file"):
        ensure(shop.package(shop.serve("/evil")), shop.store)

    assert left_over(shop.store.home) == []
    assert not (shop.store.home / "outside").exists()


def test_row_22_so_is_a_member_that_goes_through_a_link_which_turned_out_to_lead_outside(shop: Shop) -> None:
    # At its own turn `door` leads to `hall/..`, the folder itself; once `hall` is a link to it, one higher.
    steps = [
        member("door", tarfile.SYMTYPE, "hall/.."),
        member("hall", tarfile.SYMTYPE, "."),
        member("door/outside"),
    ]
    shop.data, shop.sha256 = runners.archive([], extra=steps)

    with pytest.raises(RunnerUnavailable, match="leaves its folder"):
        ensure(shop.package(shop.serve("/evil")), shop.store)

    assert not (shop.store.home / "outside").exists()


def test_links_inside_the_archive_and_the_right_to_run_are_kept_and_no_more(tmp_path: Path) -> None:
    special = member("bin/node")
    special.mode = 0o6777
    links = [member("bin/npm", tarfile.SYMTYPE, "../lib/npm.js"), member("lib/twin", tarfile.LNKTYPE, "bin/node")]
    data, _ = runners.archive([], extra=[special, *links])
    archive = tmp_path / "runner.tar.gz"
    archive.write_bytes(data)

    unpack(archive, tmp_path / "runner")

    assert (tmp_path / "runner/bin/npm").readlink() == Path("../lib/npm.js")
    assert (tmp_path / "runner/lib/twin").samefile(tmp_path / "runner/bin/node")
    assert stat.S_IMODE((tmp_path / "runner/bin/node").stat().st_mode) == 0o755


def zipped(name: str, attributes: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = attributes
        archive.writestr(info, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        zipped("../outside"),
        zipped("/absolute"),
        zipped("C:\\absolute"),
        zipped("bin\\..\\..\\outside"),
        zipped("link", (stat.S_IFLNK | 0o777) << 16),
    ],
)
def test_row_22_so_is_a_zip_that_would(tmp_path: Path, data: bytes) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(data)

    with pytest.raises(Rejected):
        unpack(archive, tmp_path / "new")

    assert not (tmp_path / "outside").exists()


def test_a_windows_runner_comes_as_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped("bin/Runner.Listener.exe"))

    unpack(archive, tmp_path / "new")

    assert (tmp_path / "new" / "bin" / "Runner.Listener.exe").read_text("ascii") == "x"


class Usage(NamedTuple):
    total: int = 1000
    used: int = 900
    free: int = 100


def test_row_23_a_disk_that_is_too_small_is_refused_before_the_download(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage())

    with pytest.raises(NoRoom, match="MiB needed"):
        ensure(shop.package(shop.serve("/a"), shop.serve("/b")), shop.store)

    assert left_over(shop.store.home) == []


def test_row_23_a_disk_that_fills_up_is_not_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("runner_agent.fetch.unpack", full)

    with pytest.raises(NoRoom, match="full"):
        ensure(shop.package(shop.serve("/a"), shop.serve("/b")), shop.store)

    assert left_over(shop.store.home) == []


@pytest.mark.parametrize("version", ["", ".", "..", "../2.336.0", "a/b", "/etc"])
def test_a_version_that_is_not_a_name_is_refused(shop: Shop, version: str) -> None:
    with pytest.raises(RunnerUnavailable, match="is not a name"):
        ensure(shop.package(version=version), shop.store)


@pytest.mark.parametrize("make", [lambda: b"not an archive", lambda: runners.archive([])[0][:50]])
def test_what_is_no_archive_is_rejected(tmp_path: Path, make: Callable[[], bytes]) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(make())

    with pytest.raises(Rejected):
        unpack(archive, tmp_path / "new")


def test_an_archive_without_a_listener_is_rejected(shop: Shop) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(member("other"))
    shop.data, shop.sha256 = buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest()

    with pytest.raises(RunnerUnavailable, match=r"holds no bin/Runner\.Listener"):
        ensure(shop.package(shop.serve("/a")), shop.store)
