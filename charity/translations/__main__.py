"""Update and compile the catalogues: ``python -m charity.translations [folder of JSON files]``."""

from __future__ import annotations

import sys
from pathlib import Path

from charity.translations import Report, compile_all, update


def main(arguments: list[str]) -> int:
    """Update and compile, print what is wrong; 1 when something is."""
    report = update(Path(arguments[0]) if arguments else None)
    compile_all()
    for title, lines in _parts(report).items():
        if lines:
            print(f"{title} ({len(lines)}):")
            for line in lines:
                print("  " + line.replace("\x04", " | "))
    return 0 if report.is_clean else 1


def _parts(report: Report) -> dict[str, tuple[str, ...]]:
    return {
        "Without translation": report.missing,
        "Offered, but not in the code": report.unknown,
        "Offered differently by two files": report.differing,
        "Fields differ": report.fields,
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
