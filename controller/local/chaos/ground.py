"""The stage that chaos is played on: every deadline short, so that what it does in an hour shows in minutes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from controller import wiring
from controller.local.aws.machines import Room
from controller.local.github.config import Config
from controller.local.github.exchange import Patience
from controller.local.light.mixed import MixedMachines
from controller.local.stage import DEMO, Stage

SETTINGS: Mapping[str, float | str] = {
    **DEMO,
    "claim_deadline_s": 20.0,
    "provisioning_deadline_s": 45.0,
    "set_up_limit_s": 20.0,
    "lease_grace_s": 5.0,
    "last_word_s": 4.0,
    "job_limit_s": 40.0,
    "boot_window_s": 20.0,
    "boot_rest_s": 8.0,
    "refusal_ttl_s": 10.0,
    "quota_look_s": 5.0,
    "config_ttl_s": 10.0,
    "region_lease_s": 60.0,
}
SPEED = 10.0

VISIBILITY_S: Mapping[str, int] = {"jobs": 20, "reports": 15, "events": 8, "housekeeping": 30}
"""How soon what a dead function had in hand comes back."""

PATIENCE = Patience(long_poll_s=5.0, offer_s=8.0, lease_s=15.0, idle_s=60.0, offline_s=90.0, session_s=15.0)
"""GitHub's own, a fortieth of the real ones."""

MOST_AT_ONCE = {"linux-2cpu": 10, "linux-4cpu": 4, "linux-arm": 3}
"""Jobs that run at a time, by the platform's own limit: two processors carry no more."""
_FAMILIES = {"linux-2cpu": ["c7i", "c7a", "m7i"], "linux-4cpu": ["c7i", "m7i"], "linux-arm": ["c7g", "c8g"]}


def configs() -> dict[str, str]:
    """What the stack offers."""
    return {
        name: json.dumps(
            {
                "cpu": 4 if name == "linux-4cpu" else 2,
                **({"arch": "arm64"} if name == "linux-arm" else {}),
                "families": families,
                "most_jobs": MOST_AT_ONCE[name],
            }
        )
        for name, families in _FAMILIES.items()
    }


def chaos_stage(run_dir: Path, one_in: int) -> Stage:
    """One of so many machines is real: a tree of processes with the agent in it, whose steps are executed."""
    room: Callable[[Callable[[str], None]], Room] = partial(MixedMachines, one_in=one_in)
    return Stage(
        run_dir,
        SETTINGS,
        speed=SPEED,
        configs=configs(),
        queues=[replace(queue, visibility_s=VISIBILITY_S[queue.name]) for queue in wiring.QUEUES],
        room=room,
        of_github=Config(patience=PATIENCE),
    )
