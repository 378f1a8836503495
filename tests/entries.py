"""The voucher form as a browser sends it, for tests of pages."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.datastructures import MultiDict

from charity.web.forms import new_key
from tests.books import PAPER


def entry(*lines: dict[str, str], act: str = "submit", **values: Any) -> MultiDict[str, Any]:
    """Return the voucher form as a browser sends it, dated 18 March, with one paper."""
    data = MultiDict(
        [
            ("idempotency_key", values.pop("key", None) or new_key()),
            ("version", str(values.pop("version", 0))),
            ("voucher_on", values.pop("on", "2026-03-18")),
            ("act", act),
        ]
    )
    for paper in values.pop("papers", (PAPER,)):
        data.add("attachments", paper)
    for number, line in enumerate(lines):
        for name, value in ({"summary": "收到捐款"} | line).items():
            data.add(f"lines-{number}-{name}", value)
    for name, value in values.items():
        data.add(name, value)
    return data


def gift(yuan: str = "100.00", fund: str = "GEN", account: str = "410101") -> tuple[dict[str, str], ...]:
    """Return the two lines of a gift into the bank."""
    return (
        {"account": "1002", "fund": fund, "money_place": "B1", "debit": yuan},
        {"account": account, "fund": fund, "credit": yuan},
    )


def value_of(markup: str, name: str) -> str:
    """Return what stands in a field of a page."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', markup)
    assert tag, f"no field {name}"
    found = re.search(r'value="([^"]*)"', tag[0])
    return found[1] if found else ""
