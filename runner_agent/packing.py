"""Packs the agent into one executable file, `spotrunner-agent.pyz`: the same bytes from the same sources."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

NAME = "spotrunner-agent.pyz"
_BEGIN = b"#!/usr/bin/env python3\n"
_MAIN = "import sys\n\nfrom runner_agent.__main__ import main\n\nsys.exit(main())\n"
_THEN = (2026, 1, 1, 0, 0, 0)
"""Every member's time: a build's own would make each build another file."""


def pack(folder: Path) -> Path:
    """Write the file into a folder."""
    package = Path(__file__).parent
    sources = {path.relative_to(package.parent).as_posix(): path for path in package.rglob("*.py")}
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / NAME
    with packed.open("wb") as file:
        # Any zip may be preceded by other bytes: here, who is to run it.
        file.write(_BEGIN)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, "__main__.py", _MAIN)
            for name in sorted(sources):
                _add(archive, name, sources[name].read_text("utf-8"))
    packed.chmod(0o755)
    return packed


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    member = zipfile.ZipInfo(name, _THEN)
    member.external_attr = 0o644 << 16
    archive.writestr(member, text, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    sys.stdout.write(f"{pack(Path(sys.argv[1] if len(sys.argv) > 1 else '.'))}\n")
