"""Checks stack files before anything is deployed: every fault of every file at once, with the program's own rules.

python -m infra.check [stacks/Pulumi.<environment>-<region>.yaml ...]      without a name: all of them
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from infra import config
from infra.values import BadConfig

STACKS = Path(__file__).resolve().parents[1] / "stacks"


def faults(file: Path) -> str:
    """What keeps a stack file from being deployed; empty where nothing does."""
    stack = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
    try:
        data = yaml.safe_load(file.read_text())
        settings = data["config"]
        config.read(stack, {str(key): _handed_over(value) for key, value in settings.items()})
    except BadConfig as bad:
        return str(bad)
    except (OSError, yaml.YAMLError) as bad:
        return f"{file}: {bad}"
    except (TypeError, KeyError, AttributeError):
        return f"{file}: there is no `config:` with settings in it"
    return ""


def _handed_over(value: object) -> str:
    """As Pulumi hands a value to the program: as text, and what has a structure as JSON."""
    return (
        json.dumps(value) if isinstance(value, Mapping | Sequence | bool) and not isinstance(value, str) else str(value)
    )


def main(words: Sequence[str]) -> int:
    """Print the faults; 1 if there are any."""
    found = [text for file in map(Path, words) if (text := faults(file))]
    sys.stdout.writelines(f"{text}\n" for text in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [str(file) for file in sorted(STACKS.glob("Pulumi.*.yaml"))]))
