from __future__ import annotations

import pytest

from controller.documents import runner_config
from controller.domain.fleet_config import RunnerConfig, Span
from controller.domain.offerings import Need, fitting
from infra import runner_configs


@pytest.mark.parametrize("config", runner_configs.DEFAULTS, ids=lambda config: config.name)
def test_what_is_stored_is_read_back_as_the_same_configuration(config: RunnerConfig) -> None:
    text = runner_configs.text(config)

    assert runner_config(config.name, text) == config


@pytest.mark.parametrize("config", runner_configs.DEFAULTS, ids=lambda config: config.name)
def test_each_default_has_several_machine_types_to_choose_from(config: RunnerConfig) -> None:
    found = fitting(Need(config.arch, config.cpu, config.ram, config.families))

    assert len(found) >= 3


def test_ranges_are_written_as_people_write_them() -> None:
    text = runner_configs.text(RunnerConfig("one", cpu=Span(2, 4), ram=Span(8, 8), spot=False))

    assert '"cpu": "2+4"' in text
    assert '"ram": "8"' in text
    assert '"spot": false' in text
