"""Who may do what with a request of a data person, by when, and why something is kept.

Pure. Statutory retention goes before deletion: what a law keeps is named with the law,
what no law keeps goes.
Source: 个人信息保护法 (2021) art. 19, 44–50.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from charity.errors import N_, Problem, register

SubjectKind = Literal["donor", "user"]

SUBJECTS: Mapping[str, str] = {"donor": N_("donor"), "user": N_("member of staff")}
#: Kinds of request → (label, article of 个人信息保护法).
KINDS: Mapping[str, tuple[str, str]] = {
    "copy": (N_("copy of what is held"), "45"),
    "correct": (N_("correction of data"), "46"),
    "erase": (N_("deletion"), "47"),
}
STATES: Mapping[str, str] = {
    "received": N_("received, identity not shown yet"),
    "verified": N_("identity shown, waits for a decision"),
    "fulfilled": N_("fulfilled"),
    "refused": N_("refused"),
    "withdrawn": N_("withdrawn"),
}
#: Reasons for a refusal → (sentence for the person, source).
REASONS: Mapping[str, tuple[str, str]] = {
    "identity": (N_("Who asks could not be made sure."), "个人信息保护法第50条；GB/T 35273-2020 第8.7条"),
    "retention": (
        N_("The law keeps these records for a time that has not passed; until then they are only stored."),
        "个人信息保护法第47条；会计档案管理办法（2015）第14条",
    ),
    "correct_already": (N_("What is held was checked and is right."), "个人信息保护法第46条"),
    "others": (
        N_("An answer would tell about other people."),
        "个人信息保护法第45条；GB/T 35273-2020 第8.7条",
    ),
    "nothing_held": (N_("Nothing is held about this person."), "个人信息保护法第50条"),
}


@dataclass(frozen=True, slots=True)
class Transition:
    """What an act on a request leads to.

    Attributes:
        state: the state afterwards.
        permission: what the actor must hold.
        is_second_person: whether the actor must not be the one who wrote the request down.
    """

    state: str
    permission: str
    is_second_person: bool = False


#: (state, act) → what it leads to. Whoever takes a request in does not decide on it.
TRANSITIONS: Mapping[tuple[str, str], Transition] = {
    ("received", "verify"): Transition("verified", "privacy.handle"),
    ("received", "refuse"): Transition("refused", "privacy.decide", True),
    ("received", "withdraw"): Transition("withdrawn", "privacy.handle"),
    ("verified", "fulfil"): Transition("fulfilled", "privacy.decide", True),
    ("verified", "refuse"): Transition("refused", "privacy.decide", True),
    ("verified", "withdraw"): Transition("withdrawn", "privacy.handle"),
}
ACTS = ("verify", "fulfil", "refuse", "withdraw")


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long an answer may take.

    Attributes:
        from_on: first day the rule holds for.
        days: calendar days from the day of receipt.
        source: where it stands.
    """

    from_on: date
    days: int
    source: str


#: Dated, the latest last. The law says "in time"; the recommended standard names days.
DEADLINES: tuple[Deadline, ...] = (
    Deadline(date(2020, 10, 1), 30, "GB/T 35273-2020 第8.7条（推荐性）；个人信息保护法第50条"),
)


@dataclass(frozen=True, slots=True)
class Holding:
    """A class of data held about a person.

    Attributes:
        key: stored name.
        label: English message id.
        kept_by: the law that keeps it; empty where none does and a request deletes it.
        kept_for: how long, an English message id; empty where no law keeps it.
    """

    key: str
    label: str
    kept_by: str = ""
    kept_for: str = ""


_BOOKS = "会计档案管理办法（2015）第14条"
_CHARITY = "慈善法（2023）第42、82条"
#: What is held, by kind of person; the order of the page and of the file.
HOLDINGS: Mapping[str, tuple[Holding, ...]] = {
    "donor": (
        Holding("name", N_("name and kind of donor"), _BOOKS, N_("30 years, with the vouchers")),
        Holding(
            "tax_numbers", N_("identity number or credit code"), _BOOKS, N_("30 years, with the vouchers")
        ),
        Holding(
            "gifts", N_("gifts, purposes and how they are shown"), _CHARITY, N_("30 years, with the vouchers")
        ),
        Holding("receipts", N_("receipts issued"), _BOOKS, N_("30 years, with the vouchers")),
        Holding("address", N_("postal address")),
        Holding("contact_numbers", N_("phone and account numbers")),
        Holding("note", N_("note of the office")),
    ),
    "user": (
        Holding("login", N_("name, login name and roles"), _BOOKS, N_("30 years, who signed what")),
        Holding(
            "log", N_("entries of the operation log"), "财会〔2024〕12号第32条", N_("as long as the books")
        ),
        Holding("contact", N_("mail address and phone number")),
        Holding("sessions", N_("devices and addresses of sign-ins")),
        Holding("factors", N_("second factors")),
    ),
}

PROBLEMS = register(
    {
        "request_may_not": N_("Your role does not handle requests of data persons."),
        "request_missing": N_("There is no such request."),
        "request_kind": N_("There is no such kind of request."),
        "request_subject": N_("There is no such person in this organisation."),
        "request_wish": N_("Write down what the person asks for."),
        "request_how": N_("Write down how the person showed who it is, without any number."),
        "request_act": N_("This request cannot be dealt with that way any more."),
        "request_second": N_("Whoever wrote a request down does not decide on it; another person does."),
        "request_reason": N_("Choose a reason; a refusal without one is not lawful (PIPL, art. 50)."),
        "request_answer": N_("Write what the person is told."),
        "request_not_open": N_("The copy can be handed over once the request was granted."),
        "request_handed_over": N_("The copy was handed over already; another one asks for a new request."),
        "request_copy_late": N_(
            "A copy is handed over within %(days)s days of the decision; write down a new request."
        ),
        "request_day": N_("A request is not received in the future."),
        "request_elsewhere": N_(
            "This login was made by another organisation, which keeps its addresses and sign-ins; send the"
            " person there."
        ),
        "request_held": N_(
            "A legal hold stands over these records (%(reason)s, %(first)s–%(last)s). Nothing is deleted"
            " until it is released; the request can be decided then."
        ),
        "request_staff": N_("This person still works here; end the membership first."),
    }
)


def due_on(received_on: date) -> date:
    """Return the last day for an answer to a request received on a day."""
    holding = [rule for rule in DEADLINES if rule.from_on <= received_on] or [DEADLINES[0]]
    return received_on + timedelta(days=holding[-1].days)


def check_act(state: str, act: str, *, permissions: frozenset[str], is_recorder: bool) -> list[Problem]:
    """Return why somebody may not do an act on a request.

    Args:
        state: of the request.
        act: one of :data:`ACTS`.
        permissions: of the actor.
        is_recorder: whether the actor wrote the request down.

    Problems: ``request_act``, ``request_may_not``, ``request_second``.
    """
    transition = TRANSITIONS.get((state, act))
    if transition is None:
        return [Problem("request_act")]
    if transition.permission not in permissions:
        return [Problem("request_may_not")]
    if transition.is_second_person and is_recorder:
        return [Problem("request_second")]
    return []


#: Classes of records (charity.retention) in which somebody stands: a hold on one stops a deletion.
HELD_IN: Mapping[str, tuple[str, ...]] = {
    "donor": ("gifts", "receipts", "invoices", "bank_files", "messages"),
    "user": ("log", "messages"),
}

#: Days after the decision on which the copy may be handed over; what is held changes.
COPY_DAYS = 30


def check_hand_over(
    subject_kind: str,
    kind: str,
    state: str,
    *,
    permissions: frozenset[str],
    days: int,
    is_handed_over: bool,
) -> list[Problem]:
    """Return why somebody may not hand over the copy a request asked for.

    A donor's copy holds numbers in clear, so it also asks for the right to see them.

    Args:
        subject_kind: donor or user.
        kind: of the request.
        state: of the request.
        permissions: of the actor.
        days: since the decision.
        is_handed_over: whether the copy was handed over before.

    Problems: ``request_may_not``, ``request_not_open``, ``request_handed_over``,
    ``request_copy_late``.
    """
    needed = {"privacy.handle", *(("donations.reveal",) if subject_kind == "donor" else ())}
    if not needed <= permissions:
        return [Problem("request_may_not")]
    if kind != "copy" or state != "fulfilled":
        return [Problem("request_not_open")]
    if is_handed_over:
        return [Problem("request_handed_over")]
    return [Problem("request_copy_late", {"days": COPY_DAYS})] if days > COPY_DAYS else []


def erased_and_kept(subject_kind: str) -> tuple[tuple[Holding, ...], tuple[Holding, ...]]:
    """Return what a deletion takes away, and what a law keeps all the same."""
    every = HOLDINGS[subject_kind]
    return tuple(one for one in every if not one.kept_by), tuple(one for one in every if one.kept_by)
