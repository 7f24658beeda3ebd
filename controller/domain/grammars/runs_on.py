"""RunsOn's labels: `runs-on[=<run>][/<key>=<value>]...`, packed into one label or spread over several."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from controller.domain import labels, recognition
from controller.domain.fleet_config import Arch, Retry, Span
from controller.domain.labels import Wanted
from controller.errors import Rejected

PRESET = re.compile(r"(1|2|4|8|16|32|48|64)cpu-linux-(x64|arm64)")
_OF_GITHUB = frozenset({"self-hosted", "linux", "windows", "macos", "x64", "arm64", "arm"})
_SPOT = {
    **dict.fromkeys(("true", "pco", "price-capacity-optimized"), True),
    **dict.fromkeys(("lp", "lowest-price", "co", "capacity-optimized"), True),
    **dict.fromkeys(("false", "never"), False),
}
_STRATEGIES = frozenset({"lp", "lowest-price", "co", "capacity-optimized"})
_FREE = frozenset({"tag", "run-id", "comment", "debug"})
"""Words without a meaning for the machine, as RunsOn has it."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A root disk; None is not said. RunsOn tells its parts by their suffix, in any order."""

    gib: int | None = None
    kind: str = ""
    mibps: int | None = None
    iops: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a job's labels say to RunsOn."""

    token: str = ""
    runner: str = ""
    cpu: Span | None = None
    ram: Span | None = None
    families: tuple[str, ...] = ()
    image: str = ""
    volume: Volume = Volume()
    spot: bool | None = None
    retry: Retry = Retry.JOB
    pool: str = ""
    env: str = ""
    region: str = ""
    fleet: str = ""
    features: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the machine should be able to do, and we have nothing for: `nested-virt`, `extras`, ..."""
    warnings: tuple[str, ...] = ()


def parse(given: Iterable[str]) -> Request | None:
    """The request in a job's labels, merged from left to right; None where no label has the marker."""
    given = tuple(given)
    if not any(recognition.is_runs_on(label) for label in given):
        return None
    request = Request()
    for label in given:
        try:
            for segment in filter(None, (part.strip() for part in re.split("[/,]", label))):
                request = _with(request, segment)
        except ValueError as bad:
            raise Rejected(f"label {label!r}: {bad}") from None
    return _checked(request)


def wanted(request: Request, default: str) -> Wanted:
    """The request in our terms; `default` is the configuration that stands for RunsOn's presets."""
    for name, what in (("fleet", request.fleet), *request.features.items()):
        if what:
            raise Rejected(f"{name}={what}: there is nothing here for RunsOn's {name!r}; leave it out")
    if request.volume.mibps or request.volume.iops or request.volume.kind not in {"", "gp3"}:
        raise Rejected("volume: kind, throughput and IOPS of disks are the stack's; leave all but the size out")
    preset = PRESET.fullmatch(request.runner)
    cpu = Span(float(preset[1]), float(preset[1])) if preset else None
    return Wanted(
        # A pool is kept by the configuration of its name; where that keeps none, the machine is a cold one of it.
        config=request.pool or (default if preset or not request.runner else request.runner),
        cpu=request.cpu or cpu,
        # RunsOn's presets say no memory; zero is its word for "any".
        ram=request.ram if request.ram and request.ram.high else None,
        families=tuple(_pattern(name) for name in request.families),
        arch=Arch(preset[2]) if preset else None,
        image=request.image,
        disk=request.volume.gib,
        spot=request.spot,
        retry=request.retry,
        env=request.env,
        region=request.region,
        run=request.token,
    )


def _with(request: Request, segment: str) -> Request:
    """The request with one more segment read into it."""
    key, equals, rest = segment.lower().partition("=")
    value = rest.partition("=")[0] if equals else "true"
    if key == "runs-on":
        return replace(request, token=value if equals else "")
    if key in _READERS:
        return _READERS[key](request, value)
    if key in _FEATURES:
        return request if value == "false" else replace(request, features={**request.features, key: value})
    if key in _FREE or (not equals and key in _OF_GITHUB):
        return request
    if key == "disk":
        return _warn(request, f"disk={value} is ignored by RunsOn; volume=80gb is the word")
    raise ValueError(f"unknown key {key!r}; {labels.nearest(key, (*_READERS, *_FEATURES, *sorted(_FREE)))}")


def _checked(request: Request) -> Request:
    """A pool has its machine from elsewhere, so RunsOn ignores what else is said of it; a fleet forbids it."""
    bare = Request(token=request.token, env=request.env, region=request.region)
    if request.pool:
        return replace(bare, pool=request.pool, warnings=request.warnings)
    if request.fleet and request != replace(bare, fleet=request.fleet):
        raise Rejected(f"fleet={request.fleet} takes no other key than env")
    return request


def _warn(request: Request, words: str) -> Request:
    return replace(request, warnings=(*request.warnings, words))


def _range(text: str) -> Span:
    """`4`, `4+16`, `4+8+16`: from the lowest to the highest."""
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?(\+\d{1,6}(\.\d{1,3})?)*", text, re.ASCII):
        raise ValueError(f"{text!r} is not a number or several like 4+16")
    sizes = [float(part) for part in text.split("+")]
    return Span(min(sizes), max(sizes))


def _cpu(request: Request, value: str) -> Request:
    span = _range(value)
    if not span.low:
        raise ValueError("cpu=0 is no machine")
    return replace(request, cpu=span)


def _spot(request: Request, value: str) -> Request:
    if value not in _SPOT:
        raise ValueError(f"spot={value}: {labels.nearest(value, _SPOT)}")
    if value in _STRATEGIES:
        request = _warn(request, f"spot={value}: the strategy is the stack's, price-capacity-optimized")
    return replace(request, spot=_SPOT[value])


def _retry(request: Request, value: str) -> Request:
    known = {"when-interrupted": Retry.JOB, "true": Retry.JOB, "false": Retry.FALSE}
    if value not in known:
        raise ValueError(f"retry={value}: only when-interrupted and false are served")
    return replace(request, retry=known[value])


def _volume(request: Request, value: str) -> Request:
    parts: dict[str, str] = {}
    for token in value.split(":"):
        match = re.fullmatch(r"(\d{1,6})(gb|mibps|mbps|mbs|iops)", token, re.ASCII)
        if match:
            parts["mibps" if match[2] in {"mbps", "mbs"} else match[2]] = match[1]
        elif re.fullmatch(r"gp[23]|io[12]|st1|sc1", token):
            parts["kind"] = token
        else:
            raise ValueError(f"volume: {token!r} is not a size (80gb), kind (gp3), throughput (500mibps) or 4000iops")
    size = labels.disk(parts["gb"]) if "gb" in parts else None
    numbers = {name: int(parts[name]) for name in ("mibps", "iops") if name in parts}
    return replace(request, volume=Volume(size, parts.get("kind", ""), **numbers))


def _family(request: Request, value: str) -> Request:
    return replace(request, families=labels.families(value))


def _text(name: str, form: str = r"[a-z0-9][a-z0-9_.-]{0,62}") -> Callable[[Request, str], Request]:
    def read(request: Request, value: str) -> Request:
        if not re.fullmatch(form, value):
            raise ValueError(f"{name}={value} is not a name")
        return replace(request, **{name: value})  # type: ignore[arg-type]  # only names of text fields are asked for

    return read


_READERS: dict[str, Callable[[Request, str], Request]] = {
    "runner": _text("runner"),
    "cpu": _cpu,
    "ram": lambda request, value: replace(request, ram=_range(value)),
    "family": _family,
    "image": _text("image"),
    "volume": _volume,
    "spot": _spot,
    "retry": _retry,
    "pool": _text("pool", "[a-z0-9_-]+"),
    "env": _text("env"),
    "region": _text("region"),
    "fleet": _text("fleet"),
}
_FEATURES = ("nested-virt", "extras", "ssh", "private", "sticky", "ami", "hdd", "iops", "throughput", "agent")


def _pattern(name: str) -> str:
    """`c7` is every family that begins so; `c7a.large` and what has a star is itself."""
    return name if "." in name or "*" in name else f"{name}*"
