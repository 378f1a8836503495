"""``python -m charity.intake [--json] DIR_OR_FILE …``: say what each file is and what was read.

For trying real files by hand; ``dev.py corpus`` calls it. It names no giver. The exit
status is 0 also for files that are refused: a refusal with a sentence is an answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from charity.errors import Refused
from charity.intake.read import describe, read_file
from charity.money import format_yuan


def files_of(paths: Sequence[str]) -> Iterator[Path]:
    """Yield the files named, and those inside the folders named, in order of name."""
    for text in paths:
        path = Path(text)
        yield from sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]


def summary_of(path: Path) -> dict[str, Any]:
    """Return the description of one file; a refused one has ``refused`` instead of rows."""
    try:
        return describe(read_file(path.read_bytes(), path.name))
    except Refused as refused:
        problems = [{"code": item.code, "sentence": item.sentence()} for item in refused.problems]
        return {"name": path.name, "form": "refused", "refused": problems}


def lines_of(summary: dict[str, Any]) -> Iterator[str]:
    """Yield a description as lines for a terminal."""
    if "refused" in summary:
        yield f"{summary['name']}: refused"
        yield from (f"  ! {item['code']}: {item['sentence']}" for item in summary["refused"])
        return
    form = " ".join(filter(None, (summary["form"], summary["variant"])))
    coding = summary["encoding"] or summary["kind"]
    yield f"{summary['name']}: {form}, {coding}, heading in row {summary['header_row']}"
    yield f"  rows {summary['rows']}, bookable {summary['bookable_rows']}, {summary['kinds']}"
    for key in ("stated", "counted"):
        totals = summary[key].items()
        yield f"  {key}: " + ", ".join(
            f"{name} {value if name.endswith('count') else format_yuan(value)}" for name, value in totals
        )
    if summary["closing_fen"] is not None:
        yield (
            f"  balance {format_yuan(summary['opening_fen'])} → {format_yuan(summary['closing_fen'])}, "
            f"breaks {summary['balance_breaks']}"
        )
    if summary["guesses"]:
        yield f"  guesses {summary['guesses']}"
    yield from (f"  ! {item['code']}: {item['sentence']}" for item in summary["problems"])
    for code, item in summary["row_problems"].items():
        yield f"  row problem {code} × {item['count']}, first in row {item['first']}"


def main(arguments: Sequence[str]) -> int:
    """Describe the files named on the command line."""
    paths = [text for text in arguments if text != "--json"]
    if not paths:
        sys.stderr.write("usage: python -m charity.intake [--json] DIR_OR_FILE ...\n")
        return 2
    for path in files_of(paths):
        summary = summary_of(path)
        if "--json" in arguments:
            sys.stdout.write(json.dumps(summary, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n".join(lines_of(summary)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
