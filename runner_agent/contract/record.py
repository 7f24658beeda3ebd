"""Values that cost a booting machine next to nothing to define.

A dataclass compiles its methods anew for each class and imports `inspect`: a third of the agent's start. A record is
declared and type-checked as a dataclass is, but all records share the methods of this one class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

R = TypeVar("R", bound="Record")

_MISSING: Final = object()


class Field:
    """What is known of a field beside its name."""

    __slots__ = ("default", "factory", "shown")

    def __init__(self, default: object, factory: Callable[[], object] | None, *, shown: bool) -> None:
        self.default = default
        self.factory = factory
        self.shown = shown

    @property
    def required(self) -> bool:
        """Whether a record cannot be made without it."""
        return self.factory is None and self.default is _MISSING

    def value(self) -> object:
        """What a record has where nothing was given."""
        return self.default if self.factory is None else self.factory()


def field(
    *,
    default: Any = _MISSING,  # noqa: ANN401 - a field has any type
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,  # noqa: A002 - as type checkers know it from dataclasses
) -> Any:  # noqa: ANN401 - as above
    """A field with a factory, or one that the record's `repr` must not show."""
    return Field(default, default_factory, shown=repr)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """A value: equal by its fields, and unchangeable unless its class says `frozen=False`."""

    __fields__: ClassVar[dict[str, Field]] = {}
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, frozen: bool = True) -> None:
        """Read the fields off the class, those of the class above first."""
        cls.__fields__ = {**cls.__fields__, **{name: _declared(cls, name) for name in _names(cls)}}
        cls.__match_args__ = tuple(cls.__fields__)  # type: ignore[misc]  # every class has its own
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[assignment]  # what an ordinary class does
            cls.__delattr__ = object.__delattr__  # type: ignore[method-assign]  # as above
            cls.__hash__ = None  # type: ignore[assignment]  # as for everything that changes

    def __init__(self, *given: object, **named: object) -> None:
        """Take the fields in their order, or by name."""
        fields = type(self).__fields__
        if len(given) > len(fields):
            raise TypeError(f"{type(self).__name__} has {len(fields)} fields, not {len(given)}")
        values = dict(zip(fields, given, strict=False))
        for name, one in fields.items():
            if name in named:
                if name in values:
                    raise TypeError(f"{type(self).__name__}: {name} is given twice")
                values[name] = named.pop(name)
            elif name not in values:
                if one.required:
                    raise TypeError(f"{type(self).__name__}: {name} is missing")
                values[name] = one.value()
        if named:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(named)}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse it."""
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        """Refuse it."""
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __eq__(self, other: object) -> bool:
        """By kind and fields."""
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        """By the fields."""
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        """As it would be written, without what must not be shown."""
        shown = (f"{name}={getattr(self, name)!r}" for name, one in type(self).__fields__.items() if one.shown)
        return f"{type(self).__name__}({', '.join(shown)})"


def replace(record: R, **changes: object) -> R:
    """The same record with other values in some fields."""
    return type(record)(**{**record.__dict__, **changes})


def _names(cls: type[Record]) -> list[str]:
    return [name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar")]


def _declared(cls: type[Record], name: str) -> Field:
    found = cls.__dict__.get(name, _MISSING)
    if isinstance(found, Field):
        delattr(cls, name)
        return found
    return Field(found, None, shown=True)
