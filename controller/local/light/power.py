"""A light machine's power: once it is cut, the machine's next step is its last."""

from __future__ import annotations

import threading


class PowerCut(Exception):
    """The machine is off."""


class Power:
    """Asked before every step; a frozen machine's next step never comes."""

    def __init__(self) -> None:
        self._off = threading.Event()
        self._frozen = False

    @property
    def is_off(self) -> bool:
        """Whether it has been cut."""
        return self._off.is_set()

    def cut(self) -> None:
        """Switch the machine off."""
        self._off.set()

    def freeze(self) -> None:
        """Let the machine hang until it is switched off."""
        self._frozen = True

    def check(self) -> None:
        """Go on, if the machine can."""
        if self._frozen:
            self._off.wait()
        if self._off.is_set():
            raise PowerCut

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self._off.wait(seconds)
        self.check()
