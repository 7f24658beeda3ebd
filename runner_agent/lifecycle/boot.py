"""The first thing a machine does: find out who it is and what it was launched for."""

from __future__ import annotations

import time

from runner_agent.aws import Signer
from runner_agent.cloud import Identity, MetadataUnavailable
from runner_agent.contract import wire
from runner_agent.contract.bundle import UserData
from runner_agent.contract.record import Record
from runner_agent.lifecycle.machine import Machine
from runner_agent.lifecycle.story import Story

FIRST_LOOK_S = 0.1
SLOWEST_LOOK_S = 1.0
LAUNCH_TAG = "spotrunner:launch"
_BEFORE_US = frozenset({"kernel", "userspace"})


class Booted(Record):
    """A machine that knows itself."""

    story: Story
    user_data: UserData
    signer: Signer


def boot(machine: Machine) -> Booted:
    """Wait for the metadata; raises `MetadataUnavailable`, `Malformed` or `TakenAway`."""
    identity, text = _look(machine)
    story = Story(identity, machine.home / "spool", machine.redactor, machine.tell)
    # A kernel older than the launch is not this machine's own, and says nothing about its boot.
    launched, kernel = identity.launched_at, machine.born.get("kernel")
    foreign = launched is not None and kernel is not None and kernel < launched
    for phase, at in machine.born.items():
        if not (foreign and phase in _BEFORE_US):
            story.reach(phase, at)
    if launched is not None:
        story.reach("launched", launched)
    signer = Signer(identity.region, machine.metadata.credentials, machine.aws_endpoint)
    return Booted(story, wire.loads(UserData, text), signer)


def launch_id(machine: Machine) -> str:
    """What the launch wrote on this machine, or empty."""
    try:
        return machine.metadata.tag(LAUNCH_TAG)
    except MetadataUnavailable as silent:
        machine.tell("launch_tag_unknown", error=silent)
        return ""


def _look(machine: Machine) -> tuple[Identity, bytes]:
    until = time.monotonic() + machine.pace.boot_s
    pause = FIRST_LOOK_S
    while True:
        try:
            return machine.metadata.identity(), machine.metadata.user_data()
        except MetadataUnavailable as early:
            if time.monotonic() + pause > until:
                raise
            machine.tell("metadata_not_ready", error=early)
        machine.inbox.pause(pause)
        pause = min(SLOWEST_LOOK_S, pause * 2)
