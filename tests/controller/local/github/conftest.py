from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.local.github.config import Config
from controller.local.github.server import GitHub
from tests.controller.local.github.stage import QUICK, App, Machine, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        yield running


@pytest.fixture
def github(receiver: Receiver) -> Iterator[GitHub]:
    with GitHub(Config(webhook_url=receiver.url, patience=QUICK)) as running:
        yield running


@pytest.fixture
def app(github: GitHub) -> App:
    return App(github)


@pytest.fixture
def machine(github: GitHub, tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """Makes machines by name, and ends what they left running."""
    made: list[Machine] = []

    def make(name: str) -> Machine:
        made.append(Machine(github, tmp_path / name))
        return made[-1]

    yield make
    for each in made:
        each.destroy()
