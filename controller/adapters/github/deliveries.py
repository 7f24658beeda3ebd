"""The App's own log of webhook deliveries.

https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from controller.adapters.connection import Answer
from controller.adapters.github.calls import Call, rows
from controller.adapters.github.installations import Installations
from controller.domain.lost_webhooks import Sent

_OK, _ACCEPTED = 200, 202
_PAGE = 100
_PAGES = 10
"""A thousand deliveries in one look; the rest is the scan's."""


class DeliveriesApi:
    """The `DeliveryLog` port."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations

    def since(self, server: str, since: float, now: float) -> list[Sent]:
        """The deliveries since a time; GitHub lists the newest first."""
        found: list[Sent] = []
        cursor = ""
        for _ in range(_PAGES):
            call = Call("GET", server, f"/app/hook/deliveries?per_page={_PAGE}{cursor}")
            answer = self._installations.send_as_app(call, now, fine={_OK})
            page = [_sent(row) for row in rows(call, answer)]
            found += [sent for sent in page if sent.at >= since]
            after = _next(answer)
            if not after or not page or page[-1].at < since:
                break
            cursor = f"&cursor={after}"
        return found

    def send_again(self, server: str, delivery_id: int, now: float) -> None:
        """Have GitHub send a delivery of its log once more."""
        call = Call("POST", server, f"/app/hook/deliveries/{delivery_id}/attempts")
        self._installations.send_as_app(call, now, fine={_ACCEPTED})


def _sent(row: Mapping[str, object]) -> Sent:
    delivery_id, status = row.get("id"), row.get("status_code")
    return Sent(
        delivery_id=delivery_id if isinstance(delivery_id, int) else 0,
        guid=str(row.get("guid") or ""),
        event=str(row.get("event") or ""),
        status=status if isinstance(status, int) else 0,
        redelivery=row.get("redelivery") is True,
        at=_time(row.get("delivered_at")),
    )


def _time(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _next(answer: Answer) -> str:
    """The cursor in the `Link` header's `next`, where there is one."""
    for part in answer.headers.get("link", "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            query = parse_qs(urlsplit(address.strip(" <>")).query)
            return query.get("cursor", [""])[0]
    return ""
