"""What the tests of gift pages send: whole forms as a browser would, filled where a test says so."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient


def key_of(markup: str) -> str:
    """Return the idempotency key a form carries."""
    found = re.search(r'name="key"[^>]*value="(\w+)"', markup)
    assert found
    return found[1]


def gift_form(client: FlaskClient, **values: Any) -> dict[str, Any]:
    """Return a gift of 100.00 from a person, as the form would send it; ``values`` change it."""
    return {
        "key": key_of(client.get("/office/gifts/new").text),
        "kind": "person",
        "name": "李晓㛃",
        "amount": "100.00",
        "received_on": "2026-03-17",
        "channel": "bank",
        "place": "B1",
        "parts-0-fund": "F2",
        "shows_amount": "y",
        "act": "save",
    } | values


def pile_form(client: FlaskClient, *slips: tuple[str, str], **values: Any) -> dict[str, Any]:
    """Return a pile of slips (name, yuan), as the grid would send it; ``values`` change it."""
    sent = {
        "key": key_of(client.get("/office/gifts/slips").text),
        "place": "C1",
        "channel": "cash",
        "received_on": "2026-03-17",
        "expected_count": str(len(slips)),
        "act": "save",
    }
    for number, (name, yuan) in enumerate(slips):
        sent |= {f"slips-{number}-name": name, f"slips-{number}-amount": yuan}
        sent |= {f"slips-{number}-fund": "F1", f"slips-{number}-kind": "person"}
    return sent | values
