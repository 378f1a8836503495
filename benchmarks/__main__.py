"""Run the measurements and print one table: ``python -m benchmarks [name …]``."""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from pathlib import Path

from benchmarks import Measure

#: What takes hours runs when it is named.
_LONG = {"simulation"}
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


def parser() -> argparse.ArgumentParser:
    """Return the names and the options; an option belongs to the simulation."""
    made = argparse.ArgumentParser(prog="dev.py bench", allow_abbrev=False)
    made.add_argument("names", nargs="*", metavar="name")
    made.add_argument("--examples", type=int, help="offices of the simulation (default: 20000)")
    made.add_argument("--steps", type=int, help="acts in each of them (default: 100)")
    return made


def main(given: list[str]) -> int:
    """Run what is wanted, everything short when nothing is named; 2 for an unknown name."""
    options = vars(parser().parse_args(given))
    wanted: list[str] = options.pop("names")
    known = names()
    if unknown := sorted(set(wanted) - set(known)):
        print(f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}.")
        return 2
    sizes = {name: value for name, value in options.items() if value is not None}
    rows = []
    for name in wanted or [name for name in known if name not in _LONG]:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        work = importlib.import_module(f"benchmarks.{name}").run
        rows += [row(measure) for measure in (work(**sizes) if name in _LONG else work())]
    print(f"Python {platform.python_version()} on {platform.machine()}\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
