"""A scenario file, read strictly: every mistake is one line with its place and its cure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

import yaml

from controller.local.scenario.faults import FAULTS, Fault, Kind, Parameter, Victim
from controller.local.scenario.plan import At, Event, Scenario, Step, Value, When

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
_TOP = ("name", "about", "steps")
_WHEN = {
    "event": Parameter("event", choices=tuple(Event)),
    "job": Parameter("job", default="*"),
    "workflow": Parameter("workflow", default="*"),
    "nth": Parameter("nth", Kind.COUNT, 1),
    "after": Parameter("after", Kind.DURATION, 0.0),
}


class ScenarioError(Exception):
    """A scenario that cannot be played; a line for each mistake: file, line, what is wrong, the cure."""


class _Mistake(Exception):
    def __init__(self, node: yaml.Node, words: str) -> None:
        super().__init__(words)
        self.line = node.start_mark.line + 1


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file."""
    try:
        written = path.read_text("utf-8")
    except OSError as error:
        raise ScenarioError(f"{path.name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path.name}: is not text in UTF-8; save it as such") from error
    return parse_scenario(written, path.name)


def parse_scenario(written: str, file: str) -> Scenario:
    """The scenario of a text, named `file` in messages; its name is the file's unless it says another."""
    try:
        root = yaml.compose(written, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}" if mark else ""
        raise ScenarioError(f"{file}{place}: not YAML: {getattr(error, 'problem', None) or error}") from error
    mistakes: list[_Mistake] = []
    scenario = _Reader(mistakes).scenario(root, Path(file).stem)
    if mistakes:
        raise ScenarioError("\n".join(f"{file}:{each.line}: {each}" for each in mistakes))
    return scenario


class _Told(Exception):
    """The mistake has been written down; what follows from it is not worth a line."""


class _Reader:
    """Reads on after a mistake, so that all of them are told at once."""

    def __init__(self, mistakes: list[_Mistake]) -> None:
        self._mistakes = mistakes

    def scenario(self, root: yaml.Node | None, name: str) -> Scenario:
        if root is None:
            self._mistakes.append(_Mistake(_NOWHERE, "is empty; add `steps:` with a list of steps"))
            return Scenario(name)
        try:
            fields = _mapping(root, "a scenario")
        except _Mistake as mistake:
            self._mistakes.append(mistake)
            return Scenario(name)
        known = self._is_known(fields, _TOP, "a scenario")
        for key in ("name", "about"):
            if key in fields and not isinstance(fields[key][1], yaml.ScalarNode):
                self._mistakes.append(_Mistake(fields[key][1], f"{key}: must be text"))
        if "steps" not in fields and known:
            self._mistakes.append(_Mistake(root, "has no `steps:`; add a list of steps, or [] for none"))
        return Scenario(
            name=_plain(fields["name"][1]) if "name" in fields else name,
            steps=tuple(self._steps(fields["steps"][1])) if "steps" in fields else (),
            about=_plain(fields["about"][1]) if "about" in fields else "",
        )

    def _steps(self, node: yaml.Node) -> Iterable[Step]:
        if not isinstance(node, yaml.SequenceNode):
            self._mistakes.append(_Mistake(node, "steps: must be a list; begin each step with `- `"))
            return
        for each in node.value:
            try:
                yield self._step(each)
            except _Mistake as mistake:
                self._mistakes.append(mistake)
            except _Told:
                continue

    def _step(self, node: yaml.Node) -> Step:
        fields = _mapping(node, "a step")
        fault = self._fault(node, fields)
        given = {key: value for key, value in fields.items() if key not in {"at", "when", "do"}}
        if not self._is_known(given, [each.name for each in fault.parameters], fault.name, ("at", "when", "do")):
            raise _Told
        moment = self._moment(node, fields)
        values = tuple(
            (each.name, _value(given[each.name][1], each)) for each in fault.parameters if each.name in given
        )
        for each in fault.parameters:
            if each.default is None and each.name not in given:
                raise _Mistake(node, f"{fault.name} needs `{each.name}:`{_one_of(each)}")
        if fault.victim is not Victim.NOBODY and isinstance(moment, At) and not dict(values).get("job"):
            raise _Mistake(node, f"{fault.name} befalls {fault.victim}; say whose with `job:`, or use `when:`")
        return Step(moment, fault.name, values, node.start_mark.line + 1)

    def _fault(self, node: yaml.Node, fields: _Fields) -> Fault:
        if "do" not in fields:
            raise _Mistake(node, f"a step needs `do:` with a fault{_meant(fields, ['do'])}")
        name = _plain(fields["do"][1])
        if name not in FAULTS:
            raise _Mistake(fields["do"][1], f"do: there is no fault {name!r}{_nearest(name, FAULTS)}")
        return FAULTS[name]

    def _moment(self, node: yaml.Node, fields: _Fields) -> At | When:
        if ("at" in fields) == ("when" in fields):
            both = (
                "has both `at:` and `when:`; keep one" if "at" in fields else "needs `at: 3s` or `when: {event: ...}`"
            )
            raise _Mistake(node, f"a step {both}")
        if "at" in fields:
            return At(_duration(fields["at"][1], "at"))
        when = _mapping(fields["when"][1], "when")
        if not self._is_known(when, list(_WHEN), "when"):
            raise _Told
        if "event" not in when:
            raise _Mistake(fields["when"][1], f"when needs `event:`{_one_of(_WHEN['event'])}")
        read = {key: _value(each, _WHEN[key]) for key, (_, each) in when.items() if key in _WHEN}
        return When(
            event=Event(str(read["event"])),
            job=str(read.get("job", "*")),
            workflow=str(read.get("workflow", "*")),
            nth=int(read.get("nth", 1)),
            after=float(read.get("after", 0.0)),
        )

    def _is_known(self, fields: _Fields, names: Iterable[str], what: str, others: Iterable[str] = ()) -> bool:
        """Whether a mapping has no key that nobody knows; each that it has is written down."""
        known = list(names)
        unknown = [(key, place) for key, (place, _) in fields.items() if key not in known]
        for key, place in unknown:
            self._mistakes.append(_Mistake(place, f"{what} has no key {key!r}{_nearest(key, [*known, *others])}"))
        return not unknown


_Fields = Mapping[str, tuple[yaml.Node, yaml.Node]]
_NOWHERE = yaml.ScalarNode("", "", yaml.Mark("", 0, 0, 0, None, 0))


def _mapping(node: yaml.Node, what: str) -> _Fields:
    if not isinstance(node, yaml.MappingNode):
        raise _Mistake(node, f"{what} must be a mapping of names to values")
    fields: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        name = _plain(key)
        if name in fields:
            raise _Mistake(key, f"{what} has {name!r} twice; keep one")
        fields[name] = (key, value)
    return fields


def _plain(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _value(node: yaml.Node, parameter: Parameter) -> Value:
    name = parameter.name
    if not isinstance(node, yaml.ScalarNode):
        raise _Mistake(node, f"{name}: must be {parameter.kind}, not a list or a mapping")
    if parameter.kind is Kind.DURATION:
        return _duration(node, name)
    if parameter.kind in {Kind.COUNT, Kind.ROOM}:
        least = 1 if parameter.kind is Kind.COUNT else 0
        if not (node.value.isascii() and node.value.isdigit()) or int(node.value) < least:
            raise _Mistake(node, f"{name}: {node.value!r} is not {parameter.kind}; write for example {name}: 2")
        return int(node.value)
    if parameter.choices and node.value not in parameter.choices:
        raise _Mistake(
            node,
            f"{name}: {node.value!r} is none of {', '.join(parameter.choices)}"
            + _nearest(node.value, parameter.choices),
        )
    return str(node.value)


def _duration(node: yaml.Node, name: str) -> float:
    found = _DURATION.fullmatch(_plain(node).strip())
    if found is None:
        raise _Mistake(node, f"{name}: {_plain(node)!r} is no duration; write for example {name}: 3s or {name}: 250ms")
    return round(float(found[1]) * _UNITS[found[2]], 6)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = [str(each) for each in known]
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(names)}" if names else "; leave it out"


def _meant(fields: Iterable[str], wanted: Iterable[str]) -> str:
    for name in wanted:
        if near := get_close_matches(name, list(fields), n=1, cutoff=0.4):
            return f"; did you mean `{name}:` by {near[0]!r}?"
    return ""


def _one_of(parameter: Parameter) -> str:
    return f", one of {', '.join(parameter.choices)}" if parameter.choices else ""
