"""Preparing vouchers: make, change, submit, review, return, sign, discard.

A draft may be changed freely until it is posted; every step is checked against the
table of states, so that no person takes two steps that must differ.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, Problem, refuse, refuse_if, register
from charity.ids import new_id
from charity.ledger import states
from charity.ledger.books import load_books
from charity.ledger.completion_rules import complete
from charity.ledger.judging import check_money, check_submission, draft_value
from charity.ledger.models import Attachment, Draft, PostingRule
from charity.ledger.rules import Books, DraftVoucher, check_word, has_money_lines
from charity.oplog.rules import Change, register_acts
from charity.oplog.service import record

PROBLEMS = register(
    {
        "draft_unknown": N_("There is no such draft in these books."),
        "draft_changed": N_("Someone changed this draft meanwhile; reload it and make your change again."),
        "key_reused": N_(
            "This request was already made with other contents; reload the page and start anew."
        ),
        "rule_not_approved": N_(
            "The rule that made this draft is not approved by two people, or not yet in force on %(on)s; "
            "have it approved, or let a person review the draft."
        ),
        "reason_missing": N_("Give a reason; it is kept in the operation log."),
        "attachment_unknown": N_("An attachment of this voucher is not in the store; attach the file again."),
    }
)

register_acts(
    {
        "ledger.draft": N_("Made a draft voucher"),
        "ledger.edit": N_("Changed a draft voucher"),
        "ledger.submit": N_("Submitted drafts for review"),
        "ledger.recall": N_("Took a draft back from review"),
        "ledger.review": N_("Reviewed vouchers"),
        "ledger.return": N_("Returned a voucher to its maker"),
        "ledger.sign": N_("Signed money vouchers as cashier"),
        "ledger.discard": N_("Discarded a draft voucher"),
    }
)


@dataclass(frozen=True, slots=True)
class DraftOrigin:
    """Where a draft comes from, when not from the voucher form.

    Attributes:
        idempotency_key: same key and same contents give the same draft; empty for a new one.
        posting_rule_id: approved rule that made it; then it counts as reviewed.
        batch_id: staged batch.
        ref: number of the paper or file.
        set_id: drafts posted together.
        hold_id: hold it pays.
        incident_reason: why a correction of fact may leave the fund frozen.
        word: word given by a file, refused when it is not the derived one.
    """

    idempotency_key: str = ""
    posting_rule_id: int | None = None
    batch_id: int | None = None
    ref: str = ""
    set_id: int | None = None
    hold_id: int | None = None
    incident_reason: str = ""
    word: str = ""


def request_hash(draft: DraftVoucher) -> str:
    """Return the SHA-256 of what a draft asks for, in hexadecimal."""
    text = json.dumps(draft.as_request(), ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def make_draft(
    session: Session,
    *,
    actor: Actor,
    draft: DraftVoucher,
    origin: DraftOrigin | None = None,
    books: Books | None = None,
) -> Draft:
    """Save a new draft (制单), completed with re-tag lines, earmarks and cash-flow items.

    A draft may still have problems; they are judged when it is submitted. One made by an
    approved rule must be sound at once and counts as reviewed.

    Args:
        actor: needs ``ledger.draft``.
        draft, origin: what was entered, and where it comes from.
        books: codes on the voucher's day, when the caller has them.

    Raises:
        Refused: ``permission_missing``, ``key_reused``, ``word_derived``, ``attachment_unknown``
            and, for a rule's draft, ``rule_not_approved`` and every problem of :func:`submit_drafts`.
    """
    refuse_if(_check_permission(actor, "ledger.draft"))
    given = origin or DraftOrigin()
    sha256 = request_hash(draft)
    key = given.idempotency_key or f"draft-{new_id()}"
    known = session.scalar(select(Draft).where(Draft.org_id == actor.org_id, Draft.idempotency_key == key))
    if known is not None:
        if known.request_sha256 != sha256:
            raise refuse("key_reused")
        return known
    codes = books if books is not None and books.on == draft.voucher_on else None
    codes = codes or load_books(session, actor.org_id, draft.voucher_on)
    whole = complete(draft, codes)
    refuse_if(check_known(whole, codes, given.word))
    refuse_if(_check_stored(session, actor.org_id, draft.attachments))
    row = Draft(
        org_id=actor.org_id,
        id=new_id(),
        idempotency_key=key,
        request_sha256=sha256,
        maker_id=actor.user_id,
        makers=[actor.user_id],
        made_at=actor.at,
        posting_rule_id=given.posting_rule_id,
        batch_id=given.batch_id,
        ref=given.ref,
        set_id=given.set_id,
        hold_id=given.hold_id,
        incident_reason=given.incident_reason,
    )
    _fill(row, whole, codes)
    if given.posting_rule_id is not None:
        refuse_if(_check_rule(session, row) + check_submission(session, actor.org_id, whole, codes))
        row.state = "reviewed"
    session.add(row)
    session.flush()
    if given.batch_id is None:
        record(session, actor=actor, act="ledger.draft", subject_kind="draft", summary=row.summary)
    return row


def check_known(draft: DraftVoucher, books: Books, word: str = "") -> list[Problem]:
    """Return unknown accounts (which no later step could even show) and a wrong word.

    Args:
        word: given by a file; empty when none is.
    """
    problems = [
        Problem("account_unknown", {"line": n, "account": line.account, "on": books.on}, f"lines-{n - 1}")
        for n, line in enumerate(draft.lines, start=1)
        if line.account not in books.accounts
    ]
    return problems or check_word(word, draft.lines, books)


def _fill(row: Draft, draft: DraftVoucher, books: Books) -> None:
    """Write a completed draft into its row."""
    row.kind, row.colour = draft.kind, draft.colour
    row.voucher_on, row.month = draft.voucher_on, draft.month.code
    row.summary = draft.summary
    row.lines = [line.to_json() for line in draft.lines]
    row.attachments = list(draft.attachments)
    row.has_money = draft.kind in ("normal", "correction") and has_money_lines(draft.lines, books)
    row.total_fen = draft.total_fen
    row.reverses_id, row.corrects_id = draft.reverses_id, draft.corrects_id


def facts(row: Draft) -> states.DraftFacts:
    """Return what the table of states needs to know of a draft."""
    return states.DraftFacts(
        row.state,
        row.has_money,
        row.posting_rule_id is not None,
        row.maker_id,
        frozenset(row.makers),
        row.reviewer_id,
        row.cashier_id,
    )


def _check_permission(actor: Actor, permission: str) -> list[Problem]:
    """Return whether the actor lacks a permission."""
    return [] if actor.may(permission) else [Problem("permission_missing", {"permission": permission})]


def _check_stored(session: Session, org_id: int, attachments: Sequence[str]) -> list[Problem]:
    """Return whether an attachment is not in the store."""
    if not attachments:
        return []
    found = session.scalars(
        select(Attachment.sha256).where(Attachment.org_id == org_id, Attachment.sha256.in_(attachments))
    ).all()
    return [] if set(found) == set(attachments) else [Problem("attachment_unknown", where="attachments")]


def _check_rule(session: Session, row: Draft) -> list[Problem]:
    """Return whether a draft's rule may not stand in for a reviewer (财会〔2024〕11号 art. 17)."""
    rule = session.get(PostingRule, (row.org_id, row.posting_rule_id))
    is_approved = rule is not None and rule.approved_at is not None and rule.from_on <= row.voucher_on
    return [] if is_approved else [Problem("rule_not_approved", {"on": row.voucher_on})]


def load_draft(session: Session, org_id: int, draft_id: int) -> Draft:
    """Return a draft of these books, locked for change.

    Raises:
        Refused: ``draft_unknown``.
    """
    row = session.scalar(select(Draft).where(Draft.org_id == org_id, Draft.id == draft_id).with_for_update())
    if row is None:
        raise refuse("draft_unknown")
    return row


def load_drafts(session: Session, org_id: int, draft_ids: Iterable[int]) -> list[Draft]:
    """Return drafts of these books in the order asked, locked in the order of their ids.

    Raises:
        Refused: ``draft_unknown`` when one is missing.
    """
    wanted = list(dict.fromkeys(draft_ids))
    rows: dict[int, Draft] = {}
    for start in range(0, len(wanted), 500):
        query = select(Draft).where(Draft.org_id == org_id, Draft.id.in_(wanted[start : start + 500]))
        for row in session.scalars(query.order_by(Draft.id).with_for_update()):
            rows[row.id] = row
    if len(rows) != len(wanted):
        raise refuse("draft_unknown")
    return [rows[draft_id] for draft_id in wanted]


def edit_draft(session: Session, *, actor: Actor, draft_id: int, version: int, draft: DraftVoucher) -> Draft:
    """Replace the contents of a draft; a changed date is logged.

    Args:
        version: the version the page was loaded with.

    Raises:
        Refused: ``draft_wrong_state``, ``permission_missing``, ``draft_changed``.
    """
    row = load_draft(session, actor.org_id, draft_id)
    refuse_if(states.check_step("edit", facts(row), actor.user_id, actor.permissions))
    if row.version != version:
        raise refuse("draft_changed")
    books = load_books(session, actor.org_id, draft.voucher_on)
    kept = replace(
        draft, kind=row.kind, colour=row.colour, reverses_id=row.reverses_id, corrects_id=row.corrects_id
    )
    whole = complete(kept, books)
    refuse_if(check_known(whole, books))
    refuse_if(_check_stored(session, actor.org_id, draft.attachments))
    before = row.voucher_on
    _fill(row, whole, books)
    row.maker_id, row.made_at = actor.user_id, actor.at
    # Whoever wrote it before stays a maker of it: his roles may be changed meanwhile.
    row.makers = [*(maker for maker in row.makers if maker != actor.user_id), actor.user_id]
    row.version += 1
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.edit",
        subject_kind="draft",
        summary=row.summary,
        voucher_on=Change(before, row.voucher_on),
    )
    return row


def submit_drafts(session: Session, *, actor: Actor, draft_ids: Sequence[int]) -> list[Draft]:
    """Hand drafts to review; each must be sound and lie in an open month.

    Whether the money is there is asked at the review: a draft may wait for it.

    Raises:
        Refused: every problem of the first unsound draft; none is submitted then.
    """
    rows = load_drafts(session, actor.org_id, draft_ids)
    books: dict[date, Books] = {}
    for row in rows:
        refuse_if(states.check_step("submit", facts(row), actor.user_id, actor.permissions))
        draft = draft_value(row)
        if draft.voucher_on not in books:
            books[draft.voucher_on] = load_books(session, actor.org_id, draft.voucher_on)
        refuse_if(check_submission(session, actor.org_id, draft, books[draft.voucher_on]))
        row.state, row.returned_reason = "submitted", ""
        row.version += 1
    session.flush()
    _record_all(session, actor, "ledger.submit", rows)
    return rows


def recall_draft(session: Session, *, actor: Actor, draft_id: int) -> Draft:
    """Take an own draft back from review."""
    row = load_draft(session, actor.org_id, draft_id)
    refuse_if(states.check_step("recall", facts(row), actor.user_id, actor.permissions))
    row.state, row.version = "draft", row.version + 1
    session.flush()
    _record_all(session, actor, "ledger.recall", [row])
    return row


def review_drafts(session: Session, *, actor: Actor, draft_ids: Sequence[int]) -> list[Draft]:
    """Approve drafts (稽核); the reviewer is never the maker, and the money is there.

    Raises:
        Refused: the problems of the first draft that cannot be reviewed, or every draft
            whose fund could not pay it now (``fund_overdrawn``, ``fund_overdrawn_later``,
            ``fund_frozen``); none is reviewed then.
    """
    rows = load_drafts(session, actor.org_id, draft_ids)
    for row in rows:
        refuse_if(states.check_step("review", facts(row), actor.user_id, actor.permissions))
    refuse_if(check_money(session, actor.org_id, rows))
    for row in rows:
        row.state, row.reviewer_id, row.reviewed_at = "reviewed", actor.user_id, actor.at
        row.version += 1
    session.flush()
    _record_all(session, actor, "ledger.review", rows)
    return rows


def sign_drafts(session: Session, *, actor: Actor, draft_ids: Sequence[int]) -> list[Draft]:
    """Sign money vouchers as cashier (出纳签字), many at once, while the money is there.

    Raises:
        Refused: as :func:`review_drafts`; none is signed then.
    """
    rows = load_drafts(session, actor.org_id, draft_ids)
    for row in rows:
        refuse_if(states.check_step("sign", facts(row), actor.user_id, actor.permissions))
    refuse_if(check_money(session, actor.org_id, rows))
    for row in rows:
        row.state, row.cashier_id, row.signed_at = "signed", actor.user_id, actor.at
        row.version += 1
    session.flush()
    _record_all(session, actor, "ledger.sign", rows)
    return rows


def return_draft(session: Session, *, actor: Actor, draft_id: int, reason: str) -> Draft:
    """Give a voucher back to its maker with a reason; earlier signatures fall away.

    Raises:
        Refused: ``reason_missing`` and the problems of the step.
    """
    row = load_draft(session, actor.org_id, draft_id)
    refuse_if(states.check_step("return", facts(row), actor.user_id, actor.permissions))
    refuse_if(_check_reason(reason))
    row.state, row.returned_reason = "draft", reason.strip()[:400]
    row.reviewer_id = row.reviewed_at = row.cashier_id = row.signed_at = None
    row.posting_rule_id = None
    row.version += 1
    session.flush()
    record(
        session, actor=actor, act="ledger.return", subject_kind="draft", summary=row.summary, reason=reason
    )
    return row


def discard_draft(session: Session, *, actor: Actor, draft_id: int, reason: str, on: date) -> Draft:
    """Set a draft aside for good; the reason stays in the log.

    Raises:
        Refused: ``reason_missing`` and the problems of the step.
    """
    row = load_draft(session, actor.org_id, draft_id)
    refuse_if(states.check_step("discard", facts(row), actor.user_id, actor.permissions))
    refuse_if(_check_reason(reason))
    row.state, row.returned_reason, row.version = "discarded", reason.strip()[:400], row.version + 1
    session.flush()
    record(
        session,
        actor=actor,
        act="ledger.discard",
        subject_kind="draft",
        summary=row.summary,
        reason=reason,
        on=on,
    )
    return row


def _check_reason(reason: str) -> list[Problem]:
    """Return whether a reason is missing."""
    return [] if reason.strip() else [Problem("reason_missing", where="reason")]


def _record_all(session: Session, actor: Actor, act: str, rows: Sequence[Draft]) -> None:
    """Log one act over one or many drafts."""
    summary = rows[0].summary if len(rows) == 1 else ""
    record(session, actor=actor, act=act, subject_kind="draft", summary=summary, count=len(rows))
