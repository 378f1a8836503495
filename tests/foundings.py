"""The sample federation of the documents, as a plan that tests bend."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

from charity.founding.asking import read_file

SAMPLE = Path(__file__).resolve().parent.parent / "docs" / "setup" / "federation.toml"


@cache
def _sample() -> tuple[dict[str, Any], bytes]:
    return read_file(SAMPLE)


def sample() -> dict[str, Any]:
    """Return what the sample file says, to be changed freely."""
    return copy.deepcopy(_sample()[0])


def sample_units() -> bytes:
    """Return the sample list of units."""
    return _sample()[1]


def as_form(data: dict[str, Any], code: str) -> dict[str, str]:
    """Return a plan as the page's form sends it."""
    # A browser sends every list of the page, the empty rows of qualifications too.
    fields = {"code": code} | {f"qualifications-{number}-kind": "" for number in range(4)}
    for part, given in data.items():
        rows = enumerate(given) if isinstance(given, list) else [("", given)]
        for number, row in rows:
            prefix = part if number == "" else f"{part}-{number}"
            for key, value in row.items():
                if value is True:
                    fields[f"{prefix}-{key}"] = "y"
                elif value not in (None, False):
                    fields[f"{prefix}-{key}"] = str(value)
    return fields
