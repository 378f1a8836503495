"""What a staged row may be, what a person may decide about it, and how its file goes on.

Pure. A verdict is what the judge says of a row, an action is what booking would do with
it, a decision is a person's choice of another action. ``action_of`` is the one place that
puts the three together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from charity.errors import N_, Problem, register

Verdict = Literal[
    "new", "refund", "returned", "settlement", "interest", "fee", "ask", "error", "booked", "other"
]
Action = Literal["", "gift", "unidentified", "refund", "returned", "settlement", "interest", "fee", "skip"]

#: Verdicts in the order of a preview's chips → label.
VERDICTS: Mapping[str, str] = {
    "ask": N_("to be decided"),
    "error": N_("cannot be read"),
    "new": N_("new gift"),
    "refund": N_("refund"),
    "returned": N_("returned transfer"),
    "settlement": N_("platform settlement"),
    "interest": N_("interest"),
    "fee": N_("bank fee"),
    "booked": N_("already booked"),
    "other": N_("not a gift"),
}

#: What booking does with a row → label of the button.
ACTIONS: Mapping[str, str] = {
    "gift": N_("Book as a gift"),
    "unidentified": N_("To 220901, not identified"),
    "refund": N_("Book as a refund"),
    "returned": N_("Book as a returned transfer"),
    "settlement": N_("Book as a settlement"),
    "interest": N_("Book as interest"),
    "fee": N_("Book as a bank fee"),
    "skip": N_("Leave out"),
}

#: Action → the key that chooses it in the preview.
ACTION_KEYS: Mapping[str, str] = {
    "gift": "g",
    "unidentified": "u",
    "refund": "r",
    "returned": "b",
    "settlement": "p",
    "interest": "i",
    "fee": "f",
    "skip": "x",
}

#: What is done with a verdict while nobody decides otherwise; empty: it waits for a person.
DEFAULT_ACTIONS: Mapping[str, Action] = {
    "new": "gift",
    "refund": "refund",
    "returned": "returned",
    "settlement": "settlement",
    "interest": "interest",
    "fee": "fee",
    "booked": "skip",
    "other": "skip",
    "ask": "",
    "error": "",
}

_MONEY_IN: tuple[Action, ...] = ("gift", "unidentified", "settlement", "interest", "returned", "skip")
_MONEY_OUT: tuple[Action, ...] = ("refund", "fee", "skip")

#: States of a file → label.
FILE_STATES: Mapping[str, str] = {
    "unmapped": N_("columns unknown"),
    "reading": N_("being read"),
    "judged": N_("to be booked"),
    "booked": N_("booked"),
    "cancelled": N_("set aside"),
}

#: States of a row → label.
ROW_STATES: Mapping[str, str] = {
    "staged": N_("waits"),
    "booked": N_("booked"),
    "skipped": N_("left out"),
    "parked": N_("could not be booked"),
}

#: (state, act) → next state of a file; what is not here cannot be done.
TRANSITIONS: Mapping[tuple[str, str], str] = {
    ("unmapped", "map"): "reading",
    ("unmapped", "cancel"): "cancelled",
    ("reading", "read"): "judged",
    ("reading", "cancel"): "cancelled",
    ("judged", "map"): "reading",
    ("judged", "place"): "judged",
    ("judged", "decide"): "judged",
    ("judged", "book"): "judged",
    ("judged", "finish"): "booked",
    ("judged", "cancel"): "cancelled",
}

PROBLEMS = register(
    {
        "permission_missing": N_(
            "Your role does not allow this (%(permission)s). The administrator grants roles."
        ),
        "reason_missing": N_("Give a reason; it is kept in the operation log."),
        "import_unknown": N_("There is no such file here. It may belong to another organisation."),
        "import_state": N_(
            "This cannot be done with the file as it stands now; reload the page to see what happened."
        ),
        "import_running": N_("This file is being worked on; wait until that has ended, or cancel it."),
        "import_place_missing": N_("Choose the account or merchant number this file is from."),
        "import_place_unknown": N_("There is no place of money %(place)s for a file of this kind."),
        "import_place_other": N_(
            "The file states the account ending in %(tail)s; %(place)s is another account."
        ),
        "import_not_bookable": N_(
            "The file contradicts itself, so nothing of it is booked. "
            "Download it again, or correct it and drop it anew."
        ),
        "import_nothing": N_("No row of this file is left to book."),
        "import_rows_booked": N_(
            "%(count)s rows of this file are booked already, so it cannot be read in another way."
        ),
        "import_part_booked": N_(
            "%(count)s rows of this file are booked already, so it cannot be set aside; leave the others out."
        ),
        "import_form_unbookable": N_("Nothing here books files of this kind."),
        "row_unknown": N_("There is no such row in this file."),
        "row_ended": N_("Row %(row)s is booked or left out; there is nothing left to decide."),
        "decision_not_possible": N_("Row %(row)s cannot be treated like this."),
        "verdict_changed": N_(
            "This row was judged differently when it came to booking than in the preview; look at it again."
        ),
        "row_clash": N_("This row was booked from another place a moment ago."),
    }
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of one verdict: how many and how much, in fen; ``open_count`` wait for a person."""

    verdict: str
    count: int
    in_fen: int
    out_fen: int
    open_count: int


def action_of(verdict: str, decision: str) -> str:
    """Return what booking does with a row; empty when a person must decide first."""
    if verdict == "booked":
        # What is in the books already is never booked again, whatever was decided before.
        return "skip"
    return decision or DEFAULT_ACTIONS[verdict]


def possible_actions(verdict: str, is_credit: bool) -> tuple[str, ...]:
    """Return what a person may choose for a row, the verdict's own action first.

    A row that cannot be read can only be left out; one in the books offers nothing.
    """
    if verdict == "booked":
        return ()
    if verdict == "error":
        return ("skip",)
    own = DEFAULT_ACTIONS[verdict]
    every: Sequence[str] = _MONEY_IN if is_credit else _MONEY_OUT
    return tuple(dict.fromkeys(([own] if own in every else []) + list(every)))


def check_decision(row_no: int, state: str, verdict: str, is_credit: bool, action: str) -> list[Problem]:
    """Return why a person may not decide a row so.

    A row that is booked or left out has come to its end: a decision about it is not taken
    back either, or a page from before the booking would open it again.

    Args:
        action: a key of :data:`ACTIONS`; empty takes an earlier decision back.
    """
    if state in ("booked", "skipped"):
        return [Problem("row_ended", {"row": row_no}, "action")]
    if action and action not in possible_actions(verdict, is_credit):
        return [Problem("decision_not_possible", {"row": row_no}, "action")]
    return []


def check_file_act(state: str, act: str) -> list[Problem]:
    """Return why an act cannot be done with a file in this state."""
    if (state, act) in TRANSITIONS:
        return []
    return [Problem("import_state")]
