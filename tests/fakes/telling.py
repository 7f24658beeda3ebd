"""A listener that keeps what the use cases told."""

from __future__ import annotations

from typing import TypeVar

from controller.domain.events import Event

E = TypeVar("E")


class Told:
    """Every event in order; call it as a use case's `tell`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
