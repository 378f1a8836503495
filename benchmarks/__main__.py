"""Run the measurements and print one table: ``python -m benchmarks [name …]``."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path

from benchmarks import Measure

_HEAD = ("work", "figure", "unit", "bare", "ratio", "remark")


def names() -> list[str]:
    """Return the measurements there are."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def row(measure: Measure) -> tuple[str, ...]:
    """Return the cells of a measure; the ratio is that of the bare variant to ours."""
    bare = "" if measure.floor is None else f"{measure.floor:,.6g}"
    ratio = f"{measure.floor / measure.figure:.2f}" if measure.floor and measure.figure else ""
    return (measure.work, f"{measure.figure:,.6g}", measure.unit, bare, ratio, measure.remark)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as a Markdown table."""
    lines = [_HEAD, tuple("---" for _ in _HEAD), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main(wanted: list[str]) -> int:
    """Run what is wanted, everything when nothing is named; 2 for an unknown name."""
    known = names()
    if unknown := sorted(set(wanted) - set(known)):
        print(f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}.")
        return 2
    rows = []
    for name in wanted or known:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += [row(measure) for measure in importlib.import_module(f"benchmarks.{name}").run()]
    print(f"Python {platform.python_version()} on {platform.machine()}\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
