"""The texts in a policy: wildcards and variables, and whether a value fits them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

Context = Mapping[str, tuple[str, ...]]
"""What is known about a call: condition keys in lower case, each with its values."""


class Unclear(Exception):
    """A policy, or a call, that this evaluator cannot judge as AWS would: an error, never an allow."""


class Unresolved(Exception):
    """A variable that the call has no value for."""


class Wild(StrEnum):
    """The characters that stand for others."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`."""

    key: str
    default: str | None

    def value(self, context: Context) -> str:
        """What it stands for in a call; raises `Unresolved` where it stands for nothing."""
        found = context.get(self.key, ())
        if len(found) > 1:
            raise Unclear(f"the variable {self.key} has several values")
        if found:
            return found[0]
        if self.default is None:
            raise Unresolved(self.key)
        return self.default


Token = str | Wild | Variable

_TOKEN = re.compile(r"\$\{([^{}]*)\}|([*?])|((?:[^$*?]|\$(?!\{))+)|(\$\{)")
_VARIABLE = re.compile(r"\s*([A-Za-z0-9:/_.+=@-]+)\s*(?:,\s*'([^']*)'\s*)?")
_LITERALS = frozenset("*?$")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text of a policy, ready to be compared."""

    source: str
    tokens: tuple[Token, ...]
    fixed: tuple[re.Pattern[str], re.Pattern[str]] | None
    """Its two readings, where it has no variable."""
    ignore_case: bool = False

    def fits(self, text: str, context: Context) -> bool:
        """Whether a text is one that this pattern stands for, wildcards standing for colons too."""
        return self._readings(context)[0].fullmatch(text) is not None

    def fits_arn(self, arn: str, context: Context) -> bool:
        """The same for an ARN, in which only a wildcard at the end of a segment reaches beyond a colon.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html says so, but not
        what comes of a pattern that fits only when another wildcard does: that is not judged here.
        """
        loose, strict = self._readings(context)
        if loose.fullmatch(arn) is None:
            return False
        if strict.fullmatch(arn) is None:
            raise Unclear(f"{self.source} fits {arn} only where a wildcard inside a segment stands for a colon")
        return True

    def _readings(self, context: Context) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return self.fixed or _compiled(self.tokens, context, ignore_case=self.ignore_case)


def pattern(source: str, *, wild: bool = True, variables: bool = True, ignore_case: bool = False) -> Pattern:
    """Read a text; without `wild` a star is a star, without `variables` (policies before 2012) `${a}` is `${a}`."""
    tokens = tuple(_tokens(source, wild=wild)) if variables else tuple(_plain(source, wild=wild))
    has_variable = any(isinstance(token, Variable) for token in tokens)
    fixed = None if has_variable else _compiled(tokens, {}, ignore_case=ignore_case)
    return Pattern(source, tokens, fixed, ignore_case)


def _tokens(source: str, *, wild: bool) -> Iterator[Token]:
    for found in _TOKEN.finditer(source):
        variable, star, text, _ = found.groups()
        if variable is not None:
            yield variable if variable in _LITERALS else _variable(variable, source)
        elif star is not None:
            yield Wild(star) if wild else star
        elif text is not None:
            yield text
        else:
            raise Unclear(f"{source}: a variable has no end")


def _plain(source: str, *, wild: bool) -> Iterator[Token]:
    for part in re.split(r"([*?])", source):
        if part in ("*", "?") and wild:
            yield Wild(part)
        elif part:
            yield part


def _variable(text: str, source: str) -> Variable:
    found = _VARIABLE.fullmatch(text)
    if found is None:
        raise Unclear(f"{source}: ${{{text}}} is not a variable")
    return Variable(found[1].lower(), found[2])


def _compiled(
    tokens: tuple[Token, ...], context: Context, *, ignore_case: bool
) -> tuple[re.Pattern[str], re.Pattern[str]]:
    # A variable's value is text: a star in it stands for a star.
    parts = [token.value(context) if isinstance(token, Variable) else token for token in tokens]
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile("".join(map(_loose, parts)), flags), re.compile("".join(_strict(parts)), flags)


def _loose(part: str) -> str:
    return {Wild.ANY: ".*", Wild.ONE: "."}[part] if isinstance(part, Wild) else re.escape(part)


def _strict(parts: list[str]) -> Iterator[str]:
    for part, following in pairwise([*parts, ":"]):
        ends_segment = following.startswith(":")
        if isinstance(part, Wild) and not (part is Wild.ANY and ends_segment):
            yield "[^:]*" if part is Wild.ANY else "[^:]"
        else:
            yield _loose(part)
