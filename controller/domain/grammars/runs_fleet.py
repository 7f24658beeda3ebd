"""runs-fleet's labels: `runs-fleet[=<run>][/<key>=<value>]...`, read exactly as runs-fleet reads them.

What runs-fleet skips without a word is listed in `ignored`, so that we need not be as silent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from controller.domain import recognition
from controller.domain.fleet_config import Arch, Span
from controller.domain.labels import LARGEST_DISK, Wanted
from controller.errors import Rejected

_DEFAULT_CPU = 2
_GENERATIONS = range(1, 11)
_ARM = ("c8g", "m8g", "r8g", "c7g", "m7g")
_X64 = ("c6i", "c7i", "m6i", "m7i")
_ARCHES = {"arm64": Arch.ARM64, "aarch64": Arch.ARM64, "amd64": Arch.X64, "x64": Arch.X64, "x86_64": Arch.X64}


@dataclass(frozen=True, slots=True)
class Spec:
    """What one label says to runs-fleet."""

    label: str
    """The label that won; runs-fleet registers a runner with this one alone."""
    cpu: Span
    run: str = ""
    ram: Span | None = None
    families: tuple[str, ...] = ()
    generation: int | None = None
    arch: Arch | None = None
    pool: str = ""
    spot: bool = True
    disk: int | None = None
    ignored: tuple[str, ...] = field(default=())


def parse(labels: Iterable[str]) -> Spec | None:
    """The first label of runs-fleet among a job's, read; None where there is none."""
    for label in labels:
        if recognition.is_runs_fleet(label):
            try:
                return _spec(label)
            except ValueError as bad:
                raise Rejected(f"label {label!r}: {bad}") from None
    return None


def wanted(spec: Spec, config: str) -> Wanted:
    """The wish of a label in our terms, laid over a configuration; what runs-fleet would skip is refused."""
    if spec.ignored:
        words = ", ".join(map(repr, spec.ignored))
        raise Rejected(f"label {spec.label!r}: runs-fleet would ignore {words}; correct it or leave it out")
    if spec.pool:
        raise Rejected(f"label {spec.label!r}: 'pool' is the configuration's to say; leave it out")
    families = spec.families or _defaults(spec.arch)
    if spec.generation is not None:
        families = tuple(name for name in families if f"{spec.generation}" in re.findall(r"\d+", name)[:1])
        families = families or (f"*{spec.generation}*",)
    return Wanted(
        config=config,
        cpu=spec.cpu,
        ram=spec.ram,
        families=families,
        arch=spec.arch,
        disk=spec.disk,
        # On unless said otherwise, as with us: so that the configuration's own answer counts.
        spot=None if spec.spot else False,
        run=spec.run.lower(),
    )


def _defaults(arch: Arch | None) -> tuple[str, ...]:
    return {None: (*_ARM, *_X64), Arch.ARM64: _ARM, Arch.X64: _X64}[arch]


def _spec(label: str) -> Spec:
    head, *segments = label.split("/")
    found: dict[str, str] = {}
    ignored: list[str] = []
    for segment in filter(None, segments):
        key, equals, value = segment.partition("=")
        known = bool(equals) and key in _KEYS
        # An architecture or a spot word that it does not know counts as not said.
        if not known or (value and not _KEYS[key](value)):
            ignored.append(segment)
        else:
            found[key] = value
    return Spec(
        label=label,
        run=head.partition("=")[2],
        cpu=_cpu(found.get("cpu", "")),
        ram=_ram(found.get("ram", "")),
        families=tuple(name.lower() for name in found.get("family", "").split("+") if name),
        generation=_whole("gen", found.get("gen", ""), _GENERATIONS),
        arch=_ARCHES.get(found.get("arch", "")),
        pool=found.get("pool", ""),
        spot=found.get("spot") != "false",
        disk=_whole("disk", found.get("disk", ""), range(1, LARGEST_DISK + 1)),
        ignored=tuple(ignored),
    )


def _anything(_value: str) -> bool:
    return True


_KEYS: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(("cpu", "ram", "family", "gen", "pool", "disk"), _anything),
    "arch": _ARCHES.__contains__,
    "spot": {"true", "false"}.__contains__,
}


def _cpu(text: str) -> Span:
    """`4` is 4 to 8; `4+16` and `4+4` are what they say."""
    least, plus, most = text.partition("+")
    low = _integer("cpu", least) if text else 0
    high = _integer("cpu", most) if plus else 0
    low = low or _DEFAULT_CPU
    return Span(low, high or 2 * low)


def _ram(text: str) -> Span | None:
    if not text:
        return None
    least, plus, most = text.partition("+")
    return Span(_number("ram", least), _number("ram", most) if plus else float("1e6"))


def _integer(key: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise ValueError(f"{key} {text!r} is not a whole number")
    return int(text)


def _number(key: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,7}(\.\d{1,6})?", text, re.ASCII):
        raise ValueError(f"{key} {text!r} is not a number")
    return float(text)


def _whole(key: str, text: str, within: range) -> int | None:
    if not text:
        return None
    if _integer(key, text) not in within:
        raise ValueError(f"{key} {text!r} is not a whole number from {within.start} to {within.stop - 1}")
    return int(text)
