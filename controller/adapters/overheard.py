"""What use cases tell where a person has called them: kept, so that the command can show what matters."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.domain.events import Event


@dataclass(frozen=True, slots=True)
class Overheard:
    """In the place of `Telemetry`; an operator's machine is no place to send metrics or spans from."""

    events: list[Event] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def flush(self) -> None:
        """There is nothing to send."""
