"""`doctor`: looks at everything the agent needs of its machine; says what is wrong and what cures it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from runner_agent.aws import Imds
from runner_agent.cloud import Metadata, MetadataUnavailable
from runner_agent.conformance.registration import FILES
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData
from runner_agent.listener.launch import PROGRAM
from runner_agent.settings import Settings
from runner_agent.web import Request, Unreachable, exchange

LEAST_BYTES = 5 * 1024**3
LEAST_FILES = 100_000
MOST_SKEW_S = 60.0
"""AWS refuses a signature, and GitHub a token, that is five minutes off; a clock that drifts is on its way there."""
METADATA_S = 2.0
CLAIM_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    seen: str
    cure: str = ""


class Wrong(Exception):
    """What is wrong, and what cures it."""

    def __init__(self, seen: str, cure: str) -> None:
        super().__init__(seen)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Place:
    """The machine as the checks see it."""

    home: Path
    user: str
    metadata: Metadata
    cgroups: Path = Path("/sys/fs/cgroup")
    proc: Path = Path("/proc")


Check = Callable[[Place], str]


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=_doctor)


def examine(place: Place) -> Iterator[Finding]:
    """Every finding, as it is made."""
    for name, check in CHECKS.items():
        try:
            yield Finding(name, ok=True, seen=check(place))
        except Wrong as wrong:
            yield Finding(name, ok=False, seen=str(wrong), cure=wrong.cure)


def _doctor(given: argparse.Namespace, settings: Settings) -> int:
    metadata = Imds(settings.metadata, timeout=METADATA_S)
    findings = []
    for finding in examine(Place(settings.home, settings.runner_user, metadata)):
        findings.append(finding)
        if not given.json:
            _show(finding)
    wrong = sum(not finding.ok for finding in findings)
    if given.json:
        document = {"healthy": not wrong, "findings": [dataclasses.asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(f"{wrong} of {len(findings)} things are wrong\n" if wrong else "nothing is wrong\n")
    return 1 if wrong else 0


def _show(finding: Finding) -> None:
    sys.stdout.write(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name:<12} {finding.seen}\n")
    if finding.cure:
        sys.stdout.write(f"{'':18} cure: {finding.cure}\n")
    sys.stdout.flush()


def _metadata(place: Place) -> str:
    try:
        identity = place.metadata.identity()
    except MetadataUnavailable as silent:
        raise Wrong(
            f"the metadata service does not answer: {silent}",
            "run on EC2 with the metadata service enabled; proxies, firewalls and container networks must let "
            "169.254.169.254 through",
        ) from silent
    return f"{identity.instance_id}, {identity.instance_type or 'type unknown'}, {identity.zone or identity.region}"


def _role(place: Place) -> str:
    try:
        place.metadata.credentials()
    except MetadataUnavailable as silent:
        raise Wrong(f"no role credentials: {silent}", "launch it with the stack's instance profile") from silent
    return "the instance role's credentials can be read"


def _user_data(place: Place) -> str:
    return f"stack {_told(place).stack}"


def _told(place: Place) -> UserData:
    try:
        return wire.loads(UserData, place.metadata.user_data())
    except MetadataUnavailable as silent:
        raise Wrong(f"no user data: {silent}", "see `metadata`") from silent
    except wire.Malformed as bad:
        raise Wrong(
            f"the user data is not the agent's: {bad}", "launch it from the stack's launch template, which sets it"
        ) from bad


def _claim(place: Place) -> str:
    url = _told(place).claim_url
    answered = _answered(url)
    return f"{urlsplit(url).netloc} answers ({answered[0]})"


def _answered(url: str) -> tuple[int, str]:
    """Status and date of the claim address; a GET is nobody's claim."""
    try:
        answer = exchange(Request("GET", url), CLAIM_S)
    except Unreachable as silent:
        raise Wrong(
            f"the controller cannot be reached: {silent}",
            "the subnet needs a way out (public address, NAT gateway or endpoint for execute-api), the security "
            "group port 443 outward, and the stack's claim route must exist",
        ) from silent
    return answer.status, answer.headers.get("date", "")


def _clock(place: Place) -> str:
    before = time.time()
    date = _answered(_told(place).claim_url)[1]
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return "the controller tells no time to compare with"
    # The answer's date counts whole seconds and was written some time in between.
    skew = theirs.replace(tzinfo=theirs.tzinfo or UTC).timestamp() - (before + time.time()) / 2
    if abs(skew) > MOST_SKEW_S:
        raise Wrong(
            f"this clock is {-skew:+.0f} s off", "enable chrony or systemd-timesyncd; `chronyc makestep` sets it"
        )
    return f"within {max(1.0, abs(skew)):.0f} s of the controller's"


def _runner(place: Place) -> str:
    found = sorted(path for path in (place.home / "runner").glob("*") if path.is_dir())
    if not found:
        return "none is baked in: the agent downloads the one that the controller names"
    for folder in found:
        program = folder / PROGRAM
        if not os.access(program, os.X_OK):
            raise Wrong(f"{program} is missing or cannot be executed", f"unpack GitHub's archive into {folder} again")
        stale = [name for name in FILES if (folder / name).exists()]
        if stale:
            raise Wrong(f"{folder} holds {', '.join(stale)} of a former runner", "remove it and bake the image again")
    return f"{', '.join(path.name for path in found)} in {place.home / 'runner'}"


def _disk(place: Place) -> str:
    nearest = next(path for path in (place.home, *place.home.parents) if path.exists())
    free, files = shutil.disk_usage(nearest).free, _inodes(nearest)
    text = f"{free / 1024**3:.1f} GiB and {'any number of' if files is None else files} inodes free at {nearest}"
    if free < LEAST_BYTES or (files is not None and files < LEAST_FILES):
        raise Wrong(
            text, f"a job needs {LEAST_BYTES // 1024**3} GiB and {LEAST_FILES} inodes: raise the stack's diskGib"
        )
    return text


def _inodes(path: Path) -> int | None:
    """None where the file system makes them as it needs them."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - mypy follows one branch for each system
        look = os.statvfs(path)
        return look.f_favail if look.f_files else None


def _user(place: Place) -> str:
    if not place.user:
        return "jobs run as the agent's own user"
    if sys.platform == "win32":
        return place.user
    import pwd  # noqa: PLC0415 - exists elsewhere only

    try:
        account = pwd.getpwnam(place.user)
    except KeyError:
        raise Wrong(
            f"there is no user {place.user}", f"`useradd --create-home {place.user}`, or set SPOTRUNNER_RUNNER_USER"
        ) from None
    if account.pw_uid == 0:
        raise Wrong(f"{place.user} is root", "let jobs run as a user of their own")
    if os.geteuid() != 0:
        return f"{place.user}; this is not root, so jobs would run as uid {os.geteuid()}"
    return f"{place.user}, uid {account.pw_uid}"


def _cgroup(place: Place) -> str:
    if sys.platform == "win32":
        return "a Job Object takes its place"
    try:
        own = (place.proc / "self/cgroup").read_text("ascii").strip()
    except OSError:
        own = ""
    if not own.startswith("0::/") or "\n" in own or not (place.cgroups / "cgroup.controllers").exists():
        raise Wrong(
            "no unified control groups: stray processes are found by session, descent and mark only",
            "boot with systemd.unified_cgroup_hierarchy=1 (the default since Debian 11, Ubuntu 22.04 and AL2023)",
        )
    return f"version 2, {own[3:]}"


CHECKS: dict[str, Check] = {
    "metadata": _metadata,
    "role": _role,
    "user-data": _user_data,
    "claim": _claim,
    "clock": _clock,
    "runner": _runner,
    "disk": _disk,
    "user": _user,
    "cgroup": _cgroup,
}
