"""The label language: `spotrunner/<config>[/<key>=<value>]...`, read strictly and refused clearly.

Case and order do not matter, `,` may stand for `/`. The parser has two outputs: the machine wanted,
and the labels to register, verbatim, because GitHub matches a runner by exactly those strings.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from decimal import Decimal

from controller.domain.fleet_config import Arch, Span
from controller.errors import Rejected

MARKER = "spotrunner"
_SEPARATOR = re.compile("[/,]")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_LARGEST = 1_000_000.0

MACHINE_KEYS = ("cpu", "ram", "family", "arch", "spot")
PLACE_KEYS = ("env", "region")
FREE_KEYS = ("run",)
LATER_KEYS = ("image", "disk", "retry", "pool")
"""Words of the language that no part of the platform serves yet; refused rather than ignored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job's labels ask for; None and empty mean that the configuration decides."""

    config: str
    cpu: Span | None = None
    ram: Span | None = None
    families: tuple[str, ...] = ()
    arch: Arch | None = None
    spot: bool | None = None
    env: str = ""
    region: str = ""
    run: str = ""


def is_ours(labels: tuple[str, ...]) -> bool:
    """Whether any of a job's labels is in our language, well formed or not."""
    return any(_segments(label)[0] == MARKER for label in labels)


def parse(labels: tuple[str, ...]) -> Wanted:
    """The machine that the labels want; raises `Rejected` naming the label, the word and the cure."""
    ours = [label for label in labels if _segments(label)[0] == MARKER]
    if not ours:
        raise Rejected(f"none of the labels {', '.join(labels)} begins with {MARKER}/")
    if len(ours) > 1:
        raise Rejected(f"labels {' and '.join(ours)}: put all options into one {MARKER}/... label")
    return _wanted(ours[0])


def spell(wanted: Wanted) -> str:
    """The canonical label of a wish: `parse` reads it back to the same wish."""
    parts = [f"{MARKER}/{wanted.config}"]
    parts += [f"{key}={_plain(value)}" for key, value in (("cpu", wanted.cpu), ("ram", wanted.ram)) if value]
    parts += [f"family={'+'.join(wanted.families)}"] if wanted.families else []
    parts += [f"arch={wanted.arch}"] if wanted.arch else []
    parts += [f"spot={'true' if wanted.spot else 'false'}"] if wanted.spot is not None else []
    parts += [f"{key}={getattr(wanted, key)}" for key in (*PLACE_KEYS, *FREE_KEYS) if getattr(wanted, key)]
    return "/".join(parts)


def _segments(label: str) -> list[str]:
    return [segment.strip() for segment in _SEPARATOR.split(label.lower())]


def _wanted(label: str) -> Wanted:
    _, *rest = _segments(label)
    config, *options = rest or [""]
    if not _NAME.fullmatch(config):
        raise Rejected(f"label {label!r}: {MARKER}/ must be followed by the name of a runner configuration")
    found: dict[str, str] = {}
    for option in filter(None, options):
        key, equals, value = option.partition("=")
        _check(label, option, key, value if equals else "", found)
        found[key] = value
    return _typed(label, config, found)


def _check(label: str, option: str, key: str, value: str, found: dict[str, str]) -> None:
    known = (*MACHINE_KEYS, *PLACE_KEYS, *FREE_KEYS, *LATER_KEYS)
    if key not in known:
        near = difflib.get_close_matches(key, known, 1)
        raise Rejected(
            f"label {label!r}: unknown key {key!r}; "
            + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")
        )
    if key in LATER_KEYS:
        raise Rejected(f"label {label!r}: {key!r} is not served yet; leave it out")
    if not value:
        raise Rejected(f"label {label!r}: {option!r} needs a value, as in {key}=...")
    if key in found:
        raise Rejected(f"label {label!r}: {key!r} stands twice")


def _typed(label: str, config: str, found: dict[str, str]) -> Wanted:
    try:
        return Wanted(
            config=config,
            cpu=span(found["cpu"]) if "cpu" in found else None,
            ram=span(found["ram"]) if "ram" in found else None,
            families=_families(found["family"]) if "family" in found else (),
            arch=_arch(found["arch"]) if "arch" in found else None,
            spot=_boolean(found["spot"]) if "spot" in found else None,
            env=found.get("env", ""),
            region=found.get("region", ""),
            run=found.get("run", ""),
        )
    except ValueError as bad:
        raise Rejected(f"label {label!r}: {bad}") from None


def span(text: str) -> Span:
    """`4` or `4+16` as a range; raises `ValueError` saying what is wrong."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?", text)
    if not match:
        raise ValueError(f"{text!r} is not a number or a range like 4+16")
    low = float(match[1])
    high = float(match[2] or match[1])
    if not 0 < low <= _LARGEST or high > _LARGEST:
        raise ValueError(f"{text!r} must lie between 0 and {_LARGEST:g}")
    return Span(low, high)


def _plain(value: Span) -> str:
    low, high = (f"{Decimal(repr(bound)):f}".removesuffix(".0") for bound in (value.low, value.high))
    return low if low == high else f"{low}+{high}"


def _families(text: str) -> tuple[str, ...]:
    names = tuple(text.split("+"))
    for name in names:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)?", name):
            raise ValueError(f"family {name!r} is not one like c7g or c7g.large")
    return names


_ARCHES = {"x64": Arch.X64, "amd64": Arch.X64, "x86_64": Arch.X64, "arm64": Arch.ARM64, "aarch64": Arch.ARM64}


def _arch(text: str) -> Arch:
    if text not in _ARCHES:
        raise ValueError(f"arch {text!r} is not one of x64, arm64")
    return _ARCHES[text]


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"spot={text} is not true or false")
    return text == "true"
