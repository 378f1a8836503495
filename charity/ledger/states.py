"""The life of a draft as a table: (state, act) → next state, permission, who must differ.

Imports the standard library and the lowest layer only. Making, checking, cash and
posting are different people (会计法 (2024) art. 35; 会计基础工作规范 art. 88).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from charity.errors import N_, Problem, Term, register

PROBLEMS = register(
    {
        "draft_wrong_state": N_(
            "This voucher now stands as “%(state)s”; nobody can %(act)s. "
            "Reload the page to see what happened."
        ),
        "permission_missing": N_(
            "Your role does not allow this (%(permission)s). The administrator grants roles."
        ),
        "maker_is_reviewer": N_(
            "Whoever made or changed a voucher cannot review it; another person must (会计法 art. 35)."
        ),
        "maker_is_cashier": N_(
            "Whoever made or changed a voucher cannot sign it as cashier; another person must."
        ),
        "reviewer_is_cashier": N_("Whoever reviewed a voucher cannot sign it as cashier (会计法 art. 35)."),
        "maker_is_poster": N_(
            "Whoever made or changed a voucher cannot post it; the reviewer or a further person does."
        ),
        "cashier_is_poster": N_("The cashier cannot post vouchers (会计法 art. 35)."),
        "cashier_missing": N_("This voucher moves money; the cashier signs it before it is posted."),
        "reviewer_missing": N_("This voucher has not been reviewed."),
        "only_maker_recalls": N_("Only whoever made a voucher can take it back from review."),
    }
)

#: State of a draft → what it is called.
STATE_LABELS: Mapping[str, str] = {
    "draft": N_("being prepared"),
    "submitted": N_("waits for review"),
    "reviewed": N_("reviewed"),
    "signed": N_("signed by the cashier"),
    "posted": N_("posted"),
    "discarded": N_("discarded"),
}
#: Step → what one cannot do, inside a sentence.
ACT_LABELS: Mapping[str, str] = {
    "edit": N_("change it"),
    "submit": N_("submit it for review"),
    "recall": N_("take it back from review"),
    "review": N_("approve it in review"),
    "return": N_("give it back to its maker"),
    "sign": N_("sign it as cashier"),
    "post": N_("post it"),
    "discard": N_("discard it for good"),
}

STATES = ("draft", "submitted", "reviewed", "signed", "posted", "discarded")

ACTS = ("edit", "submit", "recall", "review", "return", "sign", "post", "discard")


@dataclass(frozen=True, slots=True)
class Step:
    """One allowed step.

    Attributes:
        next_state: the state after it.
        permission: what the actor must hold.
        differs_from: earlier signers the actor must not be: maker (anybody who wrote or
            changed it), reviewer, cashier.
    """

    next_state: str
    permission: str
    differs_from: tuple[str, ...] = ()


STEPS: Mapping[tuple[str, str], Step] = {
    ("draft", "edit"): Step("draft", "ledger.draft"),
    ("draft", "submit"): Step("submitted", "ledger.draft"),
    ("draft", "discard"): Step("discarded", "ledger.draft"),
    ("submitted", "recall"): Step("draft", "ledger.draft"),
    ("submitted", "review"): Step("reviewed", "ledger.review", ("maker",)),
    ("submitted", "return"): Step("draft", "ledger.review"),
    ("reviewed", "return"): Step("draft", "ledger.review"),
    ("reviewed", "sign"): Step("signed", "ledger.sign", ("maker", "reviewer")),
    ("reviewed", "post"): Step("posted", "ledger.post", ("maker", "cashier")),
    ("signed", "return"): Step("draft", "ledger.review"),
    ("signed", "post"): Step("posted", "ledger.post", ("maker", "cashier")),
}

_SAME_PERSON = {
    ("review", "maker"): "maker_is_reviewer",
    ("sign", "maker"): "maker_is_cashier",
    ("sign", "reviewer"): "reviewer_is_cashier",
    ("post", "maker"): "maker_is_poster",
    ("post", "cashier"): "cashier_is_poster",
}


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What the table needs to know of a draft; people as user ids.

    Attributes:
        maker_id: who wrote it last; only he takes it back from review.
        makers: everybody who ever wrote or changed it.
    """

    state: str
    has_money: bool
    is_rule_made: bool
    maker_id: int
    makers: frozenset[int]
    reviewer_id: int | None
    cashier_id: int | None


def check_step(act: str, draft: DraftFacts, actor_id: int, permissions: frozenset[str]) -> list[Problem]:
    """Return why an actor may not take a step; empty when he may.

    Args:
        act: one of ``ACTS``.
        draft: the draft as it stands now.
        actor_id: who wants to act.
        permissions: what the actor holds in this org.
    """
    step = STEPS.get((draft.state, act))
    wrong_state = Problem(
        "draft_wrong_state", {"state": Term(STATE_LABELS[draft.state]), "act": Term(ACT_LABELS[act])}
    )
    if step is None:
        return [wrong_state]
    if step.permission not in permissions:
        return [Problem("permission_missing", {"permission": step.permission})]
    signers = {
        "maker": draft.makers | {draft.maker_id},
        "reviewer": {draft.reviewer_id},
        "cashier": {draft.cashier_id},
    }
    problems = [Problem(_SAME_PERSON[act, role]) for role in step.differs_from if actor_id in signers[role]]
    if act == "recall" and draft.maker_id != actor_id:
        problems.append(Problem("only_maker_recalls"))
    if act == "sign" and not draft.has_money:
        problems.append(wrong_state)
    if act == "post":
        if draft.has_money and draft.cashier_id is None:
            problems.append(Problem("cashier_missing"))
        if draft.reviewer_id is None and not draft.is_rule_made:
            problems.append(Problem("reviewer_missing"))
    return problems


def next_state(state: str, act: str) -> str:
    """Return the state after an allowed step.

    Raises:
        KeyError: the step is not in the table.
    """
    return STEPS[state, act].next_state
