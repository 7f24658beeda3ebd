"""What a stack lets a repository ask for: rules with names, so that a refusal can say which one it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from controller.domain.labels import MACHINE_KEYS, Wanted
from controller.errors import Rejected

_NUMBERS = ("cpu", "ram", "disk")


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits for the repositories it names; what is not said is not limited."""

    name: str
    repositories: tuple[str, ...] = ("*",)
    """Patterns of `owner/name`, `octo/*`."""
    unless: tuple[str, ...] = ()
    """The same, of repositories that it is not about after all."""
    configs: tuple[str, ...] = ("*",)
    closed: tuple[str, ...] = ()
    """Patterns of configurations that a label may not name, whatever `configs` says."""
    keys: tuple[str, ...] | None = None
    """The keys that a label may use; None: all."""
    families: tuple[str, ...] = ("*",)
    """Patterns of families or types that a machine may be of."""
    images: tuple[str, ...] = ("*",)
    most: Mapping[str, float] = field(default_factory=dict)
    """The largest `cpu`, `ram` and `disk`."""

    def __post_init__(self) -> None:
        for name in self.most:
            if name not in _NUMBERS:
                raise ValueError(f"most: {name!r} is not one of {', '.join(_NUMBERS)}")
        for key in self.keys or ():
            if key not in MACHINE_KEYS:
                raise ValueError(f"keys: {key!r} is not one of {', '.join(MACHINE_KEYS)}")

    def is_about(self, source: str, *also_called: str) -> bool:
        """Whether the rule limits a repository by any of its names; only by its full one is it let off."""
        named = any(matches(name, self.repositories) for name in (source, *also_called))
        return named and not matches(source, self.unless)


@dataclass(frozen=True, slots=True)
class Policy:
    """The repositories served, and the rules: every rule about a repository must be kept."""

    repositories: tuple[str, ...] = ("*",)
    rules: tuple[Rule, ...] = ()

    def rules_for(self, repository: str, server: str = "") -> tuple[Rule, ...]:
        """The rules about a repository; raises `Rejected` for one that is not served.

        On a further server it is `server:owner/name`: what `owner/name` allows there, anybody might have made up.
        A limit holds by either name.
        """
        source = f"{server}:{repository}" if server else repository
        if not matches(source, self.repositories):
            raise Rejected(f"repository {source} is not on this stack's list of repositories")
        return tuple(rule for rule in self.rules if rule.is_about(source, repository))

    @property
    def rules_for_all(self) -> tuple[Rule, ...]:
        """The rules about every repository."""
        return tuple(rule for rule in self.rules if "*" in rule.repositories and not rule.unless)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of the patterns, upper and lower case alike."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def check(wanted: Wanted, rules: Iterable[Rule]) -> None:
    """Raises `Rejected` with the name of the first rule that forbids what a label says."""
    for rule in rules:
        for words in _violations(wanted, rule):
            raise Rejected(f"rule {rule.name!r} of this stack does not allow {words}")


def _violations(wanted: Wanted, rule: Rule) -> Iterator[str]:
    if not matches(wanted.config, rule.configs):
        yield f"configuration {wanted.config}; it allows {', '.join(rule.configs)}"
    if matches(wanted.config, rule.closed):
        yield f"configuration {wanted.config} for this repository"
    said = _said(wanted)
    for key in said:
        if rule.keys is not None and key not in rule.keys:
            yield f"the key {key!r}; it allows {', '.join(rule.keys) or 'none'}"
    for key, least in said.items():
        if key in rule.most and least is not None and least > rule.most[key]:
            yield f"{key}={least:g}; it allows at most {rule.most[key]:g}"
    if wanted.image and not matches(wanted.image, rule.images):
        yield f"image={wanted.image}; it allows {', '.join(rule.images)}"
    for family in wanted.families:
        # A pattern in the label may name more than the rule allows: then its machines are refused one by one.
        if "*" not in family and not matches(family, rule.families) and not _is_part(family, rule.families):
            yield f"family={family}; it allows {', '.join(rule.families)}"


def _said(wanted: Wanted) -> dict[str, float | None]:
    """The keys that a wish uses, each with the least size it asks for."""
    given = {
        "cpu": wanted.cpu,
        "ram": wanted.ram,
        "family": wanted.families,
        "arch": wanted.arch,
        "image": wanted.image,
        "disk": wanted.disk,
        "spot": wanted.spot is not None,
        "pool": wanted.pool is not None,
    }
    least = {
        "cpu": wanted.cpu.low if wanted.cpu else None,
        "ram": wanted.ram.low if wanted.ram else None,
        "disk": wanted.disk,
    }
    return {key: least.get(key) for key, value in given.items() if value}


def _is_part(family: str, patterns: Iterable[str]) -> bool:
    """`c7g.large` is allowed where `c7g` is; `c7g` where some of its types are."""
    name, _, size = family.partition(".")
    return matches(name, patterns) if size else any(pattern.partition(".")[0] == name for pattern in patterns)
