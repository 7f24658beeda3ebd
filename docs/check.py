"""Check the pages: links lead somewhere, commands exist and run, code blocks are what they say they are.

Run from the top of the repository. A fenced `sh` block's lines are commands: a `make` target must exist
(`make -n`), anything else is run and must succeed. `yaml`, `json` and `python` blocks are parsed; a YAML
workflow's `spotrunner/...` labels must be ones the platform accepts.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from controller.domain import labels
from controller.errors import Rejected

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def pages() -> list[Path]:
    """Every page that belongs to the project."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    return [ROOT / name for name in listed.stdout.split()]


def faults_of(page: Path) -> Iterator[str]:
    """What is wrong with a page."""
    text = page.read_text()
    for kind, block in FENCE.findall(text):
        yield from CHECKS.get(kind, lambda _: iter(()))(block)
    for target in LINK.findall(FENCE.sub("", text)):
        yield from _link(page, target)


def _link(page: Path, target: str) -> Iterator[str]:
    if re.match(r"[a-z]+:", target):
        return
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        yield f"link to {target}: there is no {name}"
    elif anchor and anchor not in {_slug(title) for title in HEADING.findall(file.read_text())}:
        yield f"link to {target}: no such heading"


def _slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _shell(block: str) -> Iterator[str]:
    for line in block.splitlines():
        command = line.removeprefix("$ ").partition(" #")[0].strip()
        if not command:
            continue
        words = command.split()
        if words[0] == "make":
            command = "make -n " + " ".join(words[1:])
        if words[0] in {"git", "cd", "pulumi", "packer", "aws", "pip"}:
            continue
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
        if done.returncode:
            yield f"`{command}` ends with {done.returncode}: {done.stderr.strip()[-200:]}"


def _yaml(block: str) -> Iterator[str]:
    try:
        yaml.safe_load(block)
    except yaml.YAMLError as bad:
        yield f"YAML block: {bad}"
    for wanted in re.findall(r"runs-on: *(spotrunner/\S+)", block):
        # An expression stands for one value of its kind.
        label = re.sub(r"\$\{\{.*?\}\}", "1", wanted)
        try:
            labels.parse((label,))
        except Rejected as no:
            yield f"label in a YAML block: {no}"


def _json(block: str) -> Iterator[str]:
    try:
        json.loads(block)
    except ValueError as bad:
        yield f"JSON block: {bad}"


def _python(block: str) -> Iterator[str]:
    try:
        compile(block, "block", "exec")
    except SyntaxError as bad:
        yield f"Python block: {bad}"


CHECKS = {"sh": _shell, "yaml": _yaml, "json": _json, "python": _python}


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    found = [f"{page.relative_to(ROOT)}: {fault}" for page in pages() for fault in faults_of(page)]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    sys.stdout.write(f"{len(pages())} pages, {len(found)} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
