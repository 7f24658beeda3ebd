"""The scenarios that come with the project, and how one is chosen."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from controller.local.scenario.parse import ScenarioError, read_scenario
from controller.local.scenario.plan import Scenario

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "scenarios"
DEFAULT, FOR_ANY = "default", "gentle"
NONE = "none"


def listed() -> list[Scenario]:
    """Every scenario of the library, by name."""
    return [read_scenario(file) for file in sorted(FOLDER.glob("*.yml"))]


def choose(wish: str) -> Scenario:
    """A scenario by name, by file, or `none`; raises `ScenarioError` where there is none such."""
    if wish == NONE:
        return Scenario(NONE, about="Nothing goes wrong on purpose.")
    for file in (FOLDER / f"{wish}.yml", Path(wish)):
        if file.is_file():
            return read_scenario(file)
    names = sorted(file.stem for file in FOLDER.glob("*.yml"))
    near = get_close_matches(wish, names, n=1)
    cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}, {NONE}, or a file of your own"
    raise ScenarioError(f"there is no scenario {wish!r}; {cure}")
