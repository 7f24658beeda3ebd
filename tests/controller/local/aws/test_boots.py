from __future__ import annotations

from controller.local.aws.boots import Boot, Boots, Start


def test_orders_are_served_in_turn_and_then_all_is_well() -> None:
    boots = Boots()
    boots.order(Start(Boot.SLOW, 3.0), 2)
    boots.order(Start(Boot.FAILS), 1)

    starts = [boots.next() for _ in range(4)]

    assert starts == [Start(Boot.SLOW, 3.0), Start(Boot.SLOW, 3.0), Start(Boot.FAILS), Start()]
