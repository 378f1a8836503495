"""States of a job, and what its figures say. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from charity.errors import N_, SENTENCES, Named, Problem, Term, register
from charity.periods import Month

State = Literal["queued", "running", "done", "failed", "cancelled"]
Act = Literal["claim", "finish", "fail", "stop", "release", "cancel"]

STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})

#: (state, act) → next state; what is not here cannot be done. A running job that is
#: asked to cancel stays running until its handler comes to the end of a chunk (stop).
TRANSITIONS: Mapping[tuple[State, Act], State] = {
    ("queued", "claim"): "running",
    ("running", "claim"): "running",
    ("queued", "cancel"): "cancelled",
    ("running", "cancel"): "running",
    ("running", "stop"): "cancelled",
    ("running", "finish"): "done",
    ("running", "fail"): "failed",
    ("running", "release"): "queued",
}

#: No lease is given for longer; in seconds.
LONGEST_LEASE_S = 600

#: A job whose worker died this often is given up: it is probably what kills them.
MAX_TRIES = 5

STATE_LABELS: Mapping[State, str] = {
    "queued": N_("Waiting to start"),
    "running": N_("Running"),
    "done": N_("Done"),
    "failed": N_("Failed"),
    "cancelled": N_("Cancelled"),
}

PROBLEMS = register(
    {
        "job_kind_unknown": N_("There is no work of the kind “%(kind)s” in this version."),
        "job_key_reused": N_("This page was already used to start other work; open it anew and try again."),
        "job_missing": N_("There is no such job. It may belong to another organisation."),
        "job_ended": N_("This job has already ended; there is nothing left to cancel."),
        "job_not_yours": N_(
            "Only the person who started this job, or someone who may cancel jobs, can stop it."
        ),
        "job_owner_gone": N_(
            "%(name)s, who started this job, may no longer work here. Start it again yourself."
        ),
        "job_gave_up": N_("The server stopped %(count)s times during this job, so it was given up."),
        "job_broke": N_("Something unexpected happened. Give the administrator this number: %(reference)s."),
    }
)

_KIND = re.compile(r"[a-z]+\.[a-z_]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work that a feature registered.

    Attributes:
        name: ``feature.verb``.
        title: English message id shown above the progress bar.
        handler: does the work; gets a ``JobContext``, returns the result.
        lane: jobs of one lane and org run one after another; None for any time.
    """

    name: str
    title: str
    handler: Callable[[Any], Mapping[str, Any] | None]
    lane: str | None


def stored(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON, from which :func:`problem_of` makes the same sentence in any language."""
    return {"code": problem.code, "params": {name: _packed(value) for name, value in problem.params.items()}}


def _packed(value: Any) -> Any:
    match value:
        case Term(message):
            return {"term": message}
        case Named(name, name_en):
            return {"named": [name, name_en]}
        case Month():
            return {"month": str(value)}
    return str(value)


def problem_of(kept: Mapping[str, Any]) -> Problem:
    """Return a stored problem; one from another version, whose code is gone, keeps its code as reference."""
    if kept["code"] not in SENTENCES:
        return Problem("job_broke", {"reference": kept["code"]})
    return Problem(kept["code"], {name: _unpacked(value) for name, value in kept["params"].items()})


def _unpacked(value: Any) -> Any:
    match value:
        case {"term": message}:
            return Term(message)
        case {"named": [name, name_en]}:
            return Named(name, name_en)
        case {"month": text}:
            return Month.parse(text)
    return value


def check_kind_name(name: str) -> None:
    """Refuse a malformed kind, which is a programmer's mistake.

    Raises:
        ValueError: not written ``feature.verb``.
    """
    if not _KIND.fullmatch(name):
        raise ValueError(f"a kind of job is written feature.verb, not {name}")


def next_state(state: State, act: Act) -> State | None:
    """Return the state after an act, or None when the act cannot be done now."""
    return TRANSITIONS.get((state, act))


def check_cancel(state: State, *, created_by: int, user_id: int, may_cancel: bool) -> list[Problem]:
    """Return why a job may not be cancelled by a login.

    Args:
        state: the job's.
        created_by: the login that started it.
        user_id: the login that asks.
        may_cancel: whether it holds ``jobs.cancel``.

    Problems: ``job_not_yours``, ``job_ended``.
    """
    if created_by != user_id and not may_cancel:
        return [Problem("job_not_yours")]
    return [] if next_state(state, "cancel") else [Problem("job_ended")]


def percent(done: int, total: int) -> int | None:
    """Return 0…100, rounded down so that 100 means finished; None while the total is unknown."""
    return min(100, 100 * done // total) if total > 0 else None


def seconds_left(done: int, total: int, started_at: datetime | None, at: datetime) -> int | None:
    """Return the seconds still needed at the pace so far, rounded up; None while nothing is known."""
    if started_at is None or done <= 0 or total <= 0:
        return None
    elapsed_ms = max(0, int((at - started_at).total_seconds() * 1000))
    return -(-elapsed_ms * max(0, total - done) // (done * 1000))
