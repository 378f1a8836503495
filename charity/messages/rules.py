"""States of a message and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from charity.errors import N_, Problem, register

Kind = Literal["mail", "phone"]
State = Literal["waiting", "sent", "failed"]
Act = Literal["deliver", "retry", "give_up", "again"]

KINDS: tuple[Kind, ...] = ("mail", "phone")
STATES: tuple[State, ...] = ("waiting", "sent", "failed")

#: (state, act) → next state; what is not here cannot be done.
TRANSITIONS: Mapping[tuple[State, Act], State] = {
    ("waiting", "deliver"): "sent",
    ("waiting", "retry"): "waiting",
    ("waiting", "give_up"): "failed",
    ("waiting", "again"): "waiting",
    ("failed", "deliver"): "sent",
    ("failed", "again"): "waiting",
}

KIND_LABELS: Mapping[Kind, str] = {"mail": N_("Mail"), "phone": N_("Phone call")}
STATE_LABELS: Mapping[State, str] = {
    "waiting": N_("Waiting to go out"),
    "sent": N_("Delivered"),
    "failed": N_("Not delivered"),
}

#: After so many tries a message waits for a person.
MAX_TRIES = 8
#: Longest pause between two tries.
LONGEST_WAIT = timedelta(hours=6)
#: A person who was not reached by phone is called again after this.
PHONE_WAIT = timedelta(hours=4)

PROBLEMS = register(
    {
        "message_missing": N_("There is no such message. It may belong to another organisation."),
        "message_sent": N_("This message has already been delivered; write a new one instead."),
        "message_is_mail": N_("This is a mail. Only a call to make can be reported here."),
        "message_may_not": N_("Your role does not send messages. Ask an administrator if you need to."),
    }
)


def next_state(state: State, act: Act) -> State | None:
    """Return the state after an act, or None when the act cannot be done now."""
    return TRANSITIONS.get((state, act))


def check_again(state: State) -> list[Problem]:
    """Return why a message cannot be sent again. Problems: ``message_sent``."""
    return [] if next_state(state, "again") else [Problem("message_sent")]


def wait_after(tries: int) -> timedelta:
    """Return the pause after the given number of tries: 1, 4, 16, 64 minutes … at most six hours."""
    return min(timedelta(minutes=4 ** min(tries - 1, 6)), LONGEST_WAIT)


def state_after_failure(tries: int, *, is_permanent: bool) -> State:
    """Return whether a message waits for another try or for a person.

    Args:
        tries: how often it was tried, this time included.
        is_permanent: whether the server said that trying again is useless.
    """
    return "failed" if is_permanent or tries >= MAX_TRIES else "waiting"


def next_try_at(tries: int, at: datetime) -> datetime:
    """Return when the next try is due after a failure at an instant."""
    return at + wait_after(tries)
