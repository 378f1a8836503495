"""Rows as read ↔ rows as kept: one JSON text a row, sealed by its column.

Imports the intake's values only. What a row holds beyond its defaults is kept, so that
the judge sees at booking exactly what it saw in the preview.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from charity.errors import Problem
from charity.intake.rows import IncomingRow

_DAYS = frozenset({"occurred_on", "booked_on"})
_LEFT_OUT = frozenset({"headers", "cells", "problems"})
_FIELDS = tuple(name for name in IncomingRow._fields if name not in _LEFT_OUT)
_DEFAULTS = IncomingRow._field_defaults


def row_text(row: IncomingRow) -> str:
    """Return a row as JSON; the cells as written are kept only where something is wrong."""
    kept: dict[str, Any] = {}
    for name in _FIELDS:
        value = getattr(row, name)
        if name in _DEFAULTS and value == _DEFAULTS[name]:
            continue
        kept[name] = value.isoformat() if isinstance(value, date) else value
    if row.problems:
        kept["problems"] = [problem_json(problem) for problem in row.problems]
        kept["headers"], kept["cells"] = list(row.headers), list(row.cells)
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def row_value(text: str) -> IncomingRow:
    """Return the row that :func:`row_text` wrote."""
    kept = json.loads(text)
    for name in _DAYS & kept.keys():
        kept[name] = date.fromisoformat(kept[name]) if kept[name] else None
    if kept.get("occurred_at"):
        kept["occurred_at"] = datetime.fromisoformat(kept["occurred_at"])
    kept["problems"] = tuple(Problem(p["code"], p["params"], p["where"]) for p in kept.get("problems", ()))
    kept["headers"] = tuple(kept.get("headers", ()))
    kept["cells"] = tuple(kept.get("cells", ()))
    return IncomingRow(**kept)


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON-able values; its params become texts as shown."""
    params = {name: value if isinstance(value, int) else str(value) for name, value in problem.params.items()}
    return {"code": problem.code, "params": params, "where": problem.where}
