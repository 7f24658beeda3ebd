"""Checkov over every example stack; whatever it finds must be explained here.

python -m tests.infra.checkov <path of checkov>      `make checkov` installs it first, into a folder of its own
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.infra.conftest import STACKS, build_folder
from tests.infra.deployed import Runs, Wanted, example
from tests.infra.plan import plan

_OWN_KEYS = "encrypted with AWS's key; `encryption: own` takes the stack's"

EXPLAINED: Mapping[str, str] = {
    "CKV2_AWS_5": "the runners' group is used by launch templates, which checkov does not join to it",
    "CKV2_AWS_11": "whether connections are recorded is the operator's: `flowLogs`",
    "CKV2_AWS_19": "the addresses are those of NAT gateways",
    "CKV2_AWS_34": "configurations and settings hold no secret",
    "CKV2_AWS_57": "the App's key and the webhook secret are made at GitHub, where AWS can not turn them over",
    "CKV2_AWS_62": "nobody listens to the buckets",
    "CKV_AWS_18": "who read a bucket is CloudTrail's to tell; a bucket for it would need one itself",
    "CKV_AWS_26": "alarms could then be sent only with a key of the stack's own, and their texts hold no secret",
    "CKV_AWS_50": "traces are the functions' own, by OTLP",
    "CKV_AWS_61": "the log role trusts the account under two conditions: docs/decisions/0010",
    "CKV_AWS_115": "`reservedConcurrency` is the operator's; event sources have a most of their own",
    "CKV_AWS_116": "no function is called asynchronously; the queues before them have dead letters",
    "CKV_AWS_117": "in a network the functions would need a NAT gateway to reach GitHub",
    "CKV_AWS_119": _OWN_KEYS,
    "CKV_AWS_130": "`egress: public` gives each machine an address; `nat` gives none",
    "CKV_AWS_144": "the cache is copied where `replicateCache` says so; archives and artifacts are their region's",
    "CKV_AWS_145": _OWN_KEYS,
    "CKV_AWS_149": _OWN_KEYS,
    "CKV_AWS_158": _OWN_KEYS,
    "CKV_AWS_173": "the functions' variables hold no secret",
    "CKV_AWS_272": "a profile for signing code would be the operator's to make and to keep",
    "CKV_AWS_297": "what a schedule sends is the name of a task",
    "CKV_AWS_309": "the webhook is authorised by GitHub's signature, inside",
    "CKV_AWS_338": "how long logs are kept is the operator's: `logDays`",
    "CKV_AWS_382": "machines must reach GitHub, and whatever their jobs need",
}
"""What checkov finds, by the number of its check, with the reason why it stays."""


def findings(checkov: str, stack: str, folder: Path) -> dict[str, list[str]]:
    """By check, the resources that fail it."""
    build = str(build_folder(folder / "build"))
    (deployed,) = Runs.start(Wanted({**example(stack), "spotrunner:build": build}, stack)).end()
    file = folder / "plan.json"
    file.write_text(json.dumps(plan(deployed)))
    asked = ("--framework", "terraform_plan", "--skip-download", "--compact", "--quiet", "-o", "json")
    told = json.loads(subprocess.run([checkov, "-f", str(file), *asked], capture_output=True, check=False).stdout)
    if told["summary"]["resource_count"] < len(deployed.of("lambda/function:Function")):
        raise AssertionError(f"{stack}: checkov has read {told['summary']}")
    found: dict[str, list[str]] = {}
    for each in told["results"]["failed_checks"]:
        found.setdefault(each["check_id"], []).append(f"{each['resource']}: {each['check_name']}")
    return found


def main(words: list[str]) -> int:
    """Print what is found and not explained, and what is explained and not found; 1 where there is either."""
    (checkov,) = words
    seen: set[str] = set()
    wrong: list[str] = []
    for stack in STACKS:
        with tempfile.TemporaryDirectory() as folder:
            found = findings(checkov, stack, Path(folder))
        seen |= found.keys()
        wrong += [f"{stack}: {check} {line}" for check in found.keys() - EXPLAINED.keys() for line in found[check]]
        sys.stdout.write(f"{stack}: {sum(map(len, found.values()))} findings of {len(found)} kinds\n")
    wrong += [f"{check} is explained, and found nowhere" for check in EXPLAINED.keys() - seen]
    sys.stdout.writelines(f"{line}\n" for line in sorted(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
