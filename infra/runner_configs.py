"""The runner configurations every stack begins with, and the text in which the parameter store keeps them."""

from __future__ import annotations

import json

from controller.domain.fleet_config import Arch, Os, RunnerConfig, Span

DEFAULTS = (
    RunnerConfig("linux-2cpu", cpu=Span(2, 2), ram=Span(4, 8)),
    RunnerConfig("linux-4cpu", cpu=Span(4, 4), ram=Span(8, 16)),
    RunnerConfig("windows-4cpu", cpu=Span(4, 4), os=Os.WINDOWS, ram=Span(8, 16)),
    RunnerConfig("linux-arm", cpu=Span(2, 4), arch=Arch.ARM64, ram=Span(4, 16)),
)


def text(config: RunnerConfig) -> str:
    """The JSON document of a configuration, ranges written as people write them: `2` or `2+4`."""
    data: dict[str, object] = {
        "name": config.name,
        "cpu": _range(config.cpu),
        "os": config.os.value,
        "arch": config.arch.value,
        "families": list(config.families),
        "spot": config.spot,
    }
    if config.ram is not None:
        data["ram"] = _range(config.ram)
    return json.dumps(data, sort_keys=True)


def _range(span: Span) -> str:
    return f"{span.low:g}" if span.low == span.high else f"{span.low:g}+{span.high:g}"
