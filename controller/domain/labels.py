"""The label language: `spotrunner/<config>[/<key>=<value>]...`, read strictly and refused clearly.

Case and order do not matter, `,` may stand for `/`. What the labels of a job are registered as is not
said here: GitHub matches a runner by the exact strings, so those are kept verbatim.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from controller.domain import recognition
from controller.domain.fleet_config import Arch, Retry, Span
from controller.domain.recognition import MARKER
from controller.errors import Rejected

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_LARGEST = 1_000_000.0
LARGEST_DISK = 16_384
"""GiB; EC2 makes no larger gp3 volume."""

MACHINE_KEYS = ("cpu", "ram", "family", "arch", "image", "disk", "spot", "retry", "pool")
PLACE_KEYS = ("env", "region")
FREE_KEYS = ("run",)
KEYS = (*MACHINE_KEYS, *PLACE_KEYS, *FREE_KEYS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job's labels ask for; None and empty mean that the configuration decides."""

    config: str
    cpu: Span | None = None
    ram: Span | None = None
    families: tuple[str, ...] = ()
    arch: Arch | None = None
    image: str = ""
    disk: int | None = None
    """GiB."""
    spot: bool | None = None
    retry: Retry = Retry.JOB
    pool: bool | None = None
    """Whether one of the configuration's spare machines will do."""
    env: str = ""
    region: str = ""
    run: str = ""


def is_ours(labels: Iterable[str]) -> bool:
    """Whether any of a job's labels is in our language, well formed or not."""
    return any(recognition.is_marked(label) for label in labels)


def region_of(labels: tuple[str, ...]) -> str:
    """The region that labels ask for; empty where they name none, or are not ours."""
    try:
        return parse(labels).region
    except Rejected:
        return ""


def parse(labels: tuple[str, ...]) -> Wanted:
    """The machine that the labels want; raises `Rejected` naming the label, the word and the cure."""
    ours = [label for label in labels if recognition.is_marked(label)]
    if not ours:
        raise Rejected(f"none of the labels {', '.join(labels)} begins with {MARKER}/")
    if len(ours) > 1:
        raise Rejected(f"labels {' and '.join(ours)}: put all options into one {MARKER}/... label")
    return _wanted(ours[0])


def spell(wanted: Wanted) -> str:
    """The canonical label of a wish: `parse` reads it back to the same wish."""
    said = {
        "cpu": _plain(wanted.cpu),
        "ram": _plain(wanted.ram),
        "family": "+".join(wanted.families),
        "arch": wanted.arch or "",
        "image": wanted.image,
        "disk": str(wanted.disk or ""),
        "spot": "" if wanted.spot is None else str(wanted.spot).lower(),
        "retry": "" if wanted.retry is Retry.JOB else wanted.retry,
        "pool": "" if wanted.pool is None else str(wanted.pool).lower(),
        "env": wanted.env,
        "region": wanted.region,
        "run": wanted.run,
    }
    return "/".join([f"{MARKER}/{wanted.config}", *(f"{key}={value}" for key, value in said.items() if value)])


def nearest(word: str, known: Iterable[str]) -> str:
    """The cure for a word that is not known: the one probably meant, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names) or 'none'}"


def _wanted(label: str) -> Wanted:
    (_, _), *rest = _segments(label)
    (_, config), *options = rest or [(len(label), "")]
    if not _NAME.fullmatch(config):
        raise Rejected(f"label {label!r}: {MARKER}/ must be followed by the name of a runner configuration")
    found: dict[str, str] = {}
    values: dict[str, object] = {}
    for place, option in options:
        if not option:
            continue
        key, _, value = option.partition("=")
        try:
            _check(option, key, value, found)
            field, read = _READERS[key]
            values[field] = read(value)
        except ValueError as bad:
            raise Rejected(f"label {label!r}, character {place + 1}: {bad}") from None
        found[key] = value
    return Wanted(config, **values)  # type: ignore[arg-type]  # each value was read by its own key's reader


def _segments(label: str) -> list[tuple[int, str]]:
    """The parts of a label in lower case, each with its place."""
    parts = re.finditer(r"[^/,]*(?:[/,]|$)", label.lower())
    return [(part.start(), part[0].rstrip("/,").strip()) for part in parts if part.start() < len(label) or part[0]]


def _check(option: str, key: str, value: str, found: dict[str, str]) -> None:
    if key not in KEYS:
        raise ValueError(f"unknown key {key!r}; {nearest(key, KEYS)}")
    if not value:
        raise ValueError(f"{option!r} needs a value, as in {key}=...")
    if key in found:
        raise ValueError(f"{key!r} stands twice")


def span(text: str) -> Span:
    """`4` or `4+16` as a range; raises `ValueError` saying what is wrong."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?", text, re.ASCII)
    if not match:
        raise ValueError(f"{text!r} is not a number or a range like 4+16")
    low = float(match[1])
    high = float(match[2] or match[1])
    if not 0 < low <= _LARGEST or high > _LARGEST:
        raise ValueError(f"{text!r} must lie between 0 and {_LARGEST:g}")
    return Span(low, high)


def disk(text: str) -> int:
    """GiB of a disk; raises `ValueError` saying what is wrong."""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not 1 <= int(text) <= LARGEST_DISK:
        raise ValueError(f"disk {text!r} is not a whole number of GiB from 1 to {LARGEST_DISK}")
    return int(text)


def families(text: str) -> tuple[str, ...]:
    """`c7g+m7g.large` as its names; raises `ValueError` for what can be none."""
    names = tuple(text.split("+"))
    for name in names:
        if not re.fullmatch(r"[a-z0-9*-]+(\.[a-z0-9*-]+)?", name):
            raise ValueError(f"family {name!r} is not one like c7g, c7* or c7g.large")
    return names


_ARCHES = {"x64": Arch.X64, "amd64": Arch.X64, "x86_64": Arch.X64, "arm64": Arch.ARM64, "aarch64": Arch.ARM64}


def arch(text: str) -> Arch:
    """An architecture under any of its usual names; raises `ValueError` for another."""
    if text not in _ARCHES:
        raise ValueError(f"arch {text!r} is not one of x64, arm64")
    return _ARCHES[text]


def _image(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"image {text!r} is not the name of an image")
    return text


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"spot={text} is not true or false")
    return text == "true"


def _pool(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"pool={text} is not true or false; which pool there is, the configuration says")
    return text == "true"


def _retry(text: str) -> Retry:
    if text not in set(Retry):
        raise ValueError(f"retry={text} is not one of {', '.join(Retry)}")
    return Retry(text)


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "cpu": ("cpu", span),
    "ram": ("ram", span),
    "family": ("families", families),
    "arch": ("arch", arch),
    "image": ("image", _image),
    "disk": ("disk", disk),
    "spot": ("spot", _boolean),
    "retry": ("retry", _retry),
    "pool": ("pool", _pool),
    **{key: (key, str) for key in (*PLACE_KEYS, *FREE_KEYS)},
}
"""Each key: the field of `Wanted` it fills, and what reads its value."""


def _plain(value: Span | None) -> str:
    if value is None:
        return ""
    low, high = (f"{Decimal(repr(bound)):f}".removesuffix(".0") for bound in (value.low, value.high))
    return low if low == high else f"{low}+{high}"
