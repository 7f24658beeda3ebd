"""The systemd units of a runner machine: the agent, and the dead man's timer behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePath

from runner_agent.contract.bundle import LONGEST_WAIT_S

AGENT = "spotrunner-agent.service"
DEADMAN = "spotrunner-deadman.service"
TIMER = "spotrunner-deadman.timer"
CLEAN_UP_H = 1
"""For boot, clean-up and whatever the agent's own limits need."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are on the machine, and how long it may live."""

    home: PurePath
    user: str
    program: PurePath
    longest_job_h: int

    @property
    def longest_life_h(self) -> int:
        """What the agent's own limits allow: waiting for a job, the job itself, boot and clean-up."""
        return math.ceil(LONGEST_WAIT_S / 3_600) + self.longest_job_h + CLEAN_UP_H


def units(layout: Layout) -> dict[str, str]:
    """Each unit's text, by name."""
    longest = layout.longest_life_h
    agent = _AGENT.format(home=layout.home, user=layout.user, program=layout.program, longest=longest)
    return {AGENT: agent, DEADMAN: _DEADMAN, TIMER: _TIMER.format(longest=longest + CLEAN_UP_H, deadman=DEADMAN)}


_AGENT = """\
# The machine's whole purpose: when the agent ends, however it ends, the machine ends.
[Unit]
Description=SpotRunner agent: claims a job, runs it, powers the machine off
# Not network-online.target, which waits for more than the agent needs: it asks the metadata service until that answers.
Wants=network.target
After=network.target
SuccessAction=poweroff
FailureAction=poweroff-force

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} run
Environment=SPOTRUNNER_HOME={home}
Environment=SPOTRUNNER_RUNNER_USER={user}
WorkingDirectory={home}
Restart=no
TimeoutStartSec=60
# The agent gives a sign of life every few seconds, also while it waits for an answer or unpacks an archive.
WatchdogSec=30
# Above the longest wait for a job and the longest job, with boot and clean-up; below the dead man's timer.
RuntimeMaxSec={longest}h
KillMode=mixed
TimeoutStopSec=45
# A job that eats all memory must not take down the one who reports it.
OOMScoreAdjust=-900
OOMPolicy=continue
# The agent keeps the job in a control group of its own.
Delegate=yes

[Install]
WantedBy=multi-user.target
"""

_DEADMAN = """\
[Unit]
Description=SpotRunner: power off at the end of the longest life
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/usr/bin/systemctl poweroff --force
"""

_TIMER = """\
# Ends the machine even if the agent never started, or hangs beyond every limit of its own.
[Unit]
Description=SpotRunner: the longest that a machine may live

[Timer]
OnBootSec={longest}h
AccuracySec=1min
Unit={deadman}

[Install]
WantedBy=timers.target
"""
