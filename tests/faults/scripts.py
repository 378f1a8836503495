"""What two people do at once: for each script the books before, both acts, and the answers.

An answer is ``done`` or the code of a refusal. Either act comes first; in the race the second runs
after the first has judged and before it has written anything, on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.donations import refunds
from charity.donations.models import Donation
from charity.donations.refunds import NewRefund
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry, record_donation
from charity.ledger import batches, closing, corrections, drafting, posting, setup, spending
from charity.ledger.models import Draft
from charity.periods import Month
from charity.proofs.sequencer import SessionRunner, sequence
from charity.receipts.composing import Press
from charity.receipts.service import issue_receipt
from charity.users.service import Details, add_user, grant_role
from tests.books import PAPER, Ledger, read_journal
from tests.faults.interleaving import Work
from tests.gifts import TODAY, Office

Answers = tuple[str, str]
Begin = Callable[[Ledger], tuple[Work, Work]]
ON = date(2026, 3, 9)
GIFT = "2026-03-02 捐款\n  借 1002@B1 100.00 F1\n  贷 410102 100.00 F1"
AID = "2026-03-05 救助\n  借 510102 80.00 F1\n  贷 1002@B1 80.00 F1"
JANUARY = "2026-01-15 捐款\n  借 1002@B1 100.00 F1\n  贷 410102 100.00 F1"


@dataclass(frozen=True)
class Script:
    """Two acts on the same books.

    Attributes:
        begin: makes the books ready and returns both acts.
        sqlite: the answers when the first, and when the second comes first.
        postgresql: the same, and those of the race.
    """

    begin: Begin
    sqlite: tuple[Answers, Answers]
    postgresql: tuple[Answers, Answers, Answers]


def act(ledger: Ledger, verb: Any, role: str, **values: Any) -> Work:
    """Return a verb as somebody's act, tried again when the database asks for it."""
    return partial(_act, verb, ledger.actor(role), values)


def _act(verb: Any, actor: Any, values: dict[str, Any], session: Session) -> Any:
    return transact(lambda own: verb(own, actor=actor, **values), session=session)


def draft(ledger: Ledger, journal: str, **origin: Any) -> int:
    """Return an approved draft."""
    (value,) = read_journal(journal)
    draft_id = ledger.draft(value, **origin)
    ledger.approve(draft_id)
    return draft_id


def post(ledger: Ledger, *draft_ids: int) -> Work:
    """Return the posting of drafts by the chief."""
    return act(ledger, posting.post_drafts, "chief", draft_ids=draft_ids, on=ledger.on)


def hold(ledger: Ledger, fen: int, key: str = "") -> Work:
    """Return setting money of F1 aside."""
    values = {"fund": "F1", "earmark": "", "amount_fen": fen, "subject": "CASE", "on": ON}
    return act(ledger, spending.place_hold, "maker", idempotency_key=key, **values)


def close(ledger: Ledger, month: int) -> Work:
    """Return the closing of a month of 2026."""
    return act(ledger, closing.close_month, "chief", month=Month(2026, month), on=ledger.on)


def correction(ledger: Ledger, voucher_id: int, fen: int) -> int:
    """Return an approved correction of a voucher: down to an amount, or back in full for nothing."""
    values: dict[str, Any] = {"voucher_id": voucher_id, "on": ON}
    if fen:
        amounts = {1: fen, 2: fen}
        made: Draft = ledger.act(corrections.difference_voucher, "maker", amounts=amounts, **values)
    else:
        made = ledger.act(corrections.reverse_voucher, "maker", **values)
    draft_id = int(made.id)
    ledger.approve(draft_id)
    return draft_id


def submitted(ledger: Ledger) -> int:
    """Return a draft that waits for its review."""
    draft_id = ledger.draft(read_journal(GIFT)[0])
    ledger.act(drafting.submit_drafts, "maker", draft_ids=[draft_id])
    return draft_id


# -- months


def close_and_post(ledger: Ledger) -> tuple[Work, Work]:
    return close(ledger, 1), post(ledger, draft(ledger, JANUARY))


def close_and_draft(ledger: Ledger) -> tuple[Work, Work]:
    return close(ledger, 1), act(ledger, drafting.make_draft, "maker", draft=read_journal(JANUARY)[0])


def close_and_correct(ledger: Ledger) -> tuple[Work, Work]:
    (gift,) = ledger.post(JANUARY)
    values = {"voucher_id": gift.voucher_id, "on": date(2026, 1, 20)}
    return close(ledger, 1), act(ledger, corrections.reverse_voucher, "maker", **values)


def close_twice(ledger: Ledger) -> tuple[Work, Work]:
    return close(ledger, 1), close(ledger, 1)


def close_two_months(ledger: Ledger) -> tuple[Work, Work]:
    return close(ledger, 1), close(ledger, 2)


def open_and_post(ledger: Ledger) -> tuple[Work, Work]:
    opening = act(ledger, setup.open_month, "chief", month=Month(2026, 5))
    return opening, post(ledger, draft(ledger, GIFT))


def open_twice(ledger: Ledger) -> tuple[Work, Work]:
    opening = act(ledger, setup.open_month, "chief", month=Month(2026, 5))
    return opening, opening


# -- money


def hold_and_spend(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    return hold(ledger, 8_000), post(ledger, draft(ledger, AID))


def hold_and_hold(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    return hold(ledger, 8_000), hold(ledger, 8_000)


def same_hold_twice(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    return hold(ledger, 8_000, "key"), hold(ledger, 8_000, "key")


def last_money(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    return post(ledger, draft(ledger, AID)), post(ledger, draft(ledger, AID))


def release_and_pay(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    hold_id = ledger.hold("F1", "90.00")
    payment = post(ledger, draft(ledger, AID, hold_id=hold_id))
    return act(ledger, spending.release_hold, "maker", hold_id=hold_id, reason="不再需要"), payment


def release_twice(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    hold_id = ledger.hold("F1", "90.00")
    release = act(ledger, spending.release_hold, "maker", hold_id=hold_id, reason="不再需要")
    return release, release


def pay_one_hold_twice(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    hold_id = ledger.hold("F1", "90.00")
    first, second = (draft(ledger, AID, hold_id=hold_id) for _ in range(2))
    return post(ledger, first), post(ledger, second)


# -- vouchers


def same_draft_twice(ledger: Ledger) -> tuple[Work, Work]:
    draft_id = draft(ledger, GIFT)
    return post(ledger, draft_id), post(ledger, draft_id)


def two_gifts(ledger: Ledger) -> tuple[Work, Work]:
    return post(ledger, draft(ledger, GIFT)), post(ledger, draft(ledger, GIFT))


def same_key_twice(ledger: Ledger) -> tuple[Work, Work]:
    origin = drafting.DraftOrigin(idempotency_key="key")
    make = act(ledger, drafting.make_draft, "maker", draft=read_journal(GIFT)[0], origin=origin)
    return make, make


def one_key_two_drafts(ledger: Ledger) -> tuple[Work, Work]:
    origin = drafting.DraftOrigin(idempotency_key="key")
    first, second = (read_journal(text)[0] for text in (GIFT, AID))
    return (
        act(ledger, drafting.make_draft, "maker", draft=first, origin=origin),
        act(ledger, drafting.make_draft, "maker", draft=second, origin=origin),
    )


def batch_and_one(ledger: Ledger) -> tuple[Work, Work]:
    ids = [draft(ledger, GIFT) for _ in range(3)]
    batch = act(ledger, batches.post_or_park, "chief", groups=[[key] for key in ids], on=ledger.on)
    return batch, post(ledger, ids[1])


def set_and_discard(ledger: Ledger) -> tuple[Work, Work]:
    (gift,) = ledger.post(GIFT)
    red, blue = ledger.act(
        corrections.correct_voucher,
        "maker",
        voucher_id=gift.voucher_id,
        lines=read_journal(GIFT)[0].lines,
        on=ON,
    )
    ids = red.id, blue.id
    ledger.approve(*ids)
    back = act(ledger, drafting.return_draft, "chief", draft_id=ids[1], reason="金额不符")
    return post(ledger, *ids), back


# -- corrections


def reverse_twice(ledger: Ledger) -> tuple[Work, Work]:
    (gift,) = ledger.post(GIFT)
    first, second = (correction(ledger, gift.voucher_id, 0) for _ in range(2))
    return post(ledger, first), post(ledger, second)


def red_and_difference(ledger: Ledger) -> tuple[Work, Work]:
    (gift,) = ledger.post(GIFT)
    first, second = (correction(ledger, gift.voucher_id, fen) for fen in (0, 4_000))
    return post(ledger, first), post(ledger, second)


def difference_twice(ledger: Ledger) -> tuple[Work, Work]:
    (gift,) = ledger.post(GIFT)
    first, second = (correction(ledger, gift.voucher_id, 4_000) for _ in range(2))
    return post(ledger, first), post(ledger, second)


# -- drafts


def review_and_edit(ledger: Ledger) -> tuple[Work, Work]:
    draft_id = submitted(ledger)
    recall = act(ledger, drafting.recall_draft, "maker", draft_id=draft_id)
    return act(ledger, drafting.review_drafts, "reviewer", draft_ids=[draft_id]), recall


def edit_and_edit(ledger: Ledger) -> tuple[Work, Work]:
    draft_id = ledger.draft(read_journal(GIFT)[0])
    values = {"draft_id": draft_id, "version": 1, "draft": read_journal(AID)[0]}
    edit = act(ledger, drafting.edit_draft, "maker", **values)
    return edit, edit


def submit_and_discard(ledger: Ledger) -> tuple[Work, Work]:
    draft_id = ledger.draft(read_journal(GIFT)[0])
    away = act(ledger, drafting.discard_draft, "maker", draft_id=draft_id, reason="重复", on=ON)
    return act(ledger, drafting.submit_drafts, "maker", draft_ids=[draft_id]), away


def sign_and_return(ledger: Ledger) -> tuple[Work, Work]:
    draft_id = submitted(ledger)
    ledger.act(drafting.review_drafts, "reviewer", draft_ids=[draft_id])
    back = act(ledger, drafting.return_draft, "chief", draft_id=draft_id, reason="金额不符")
    return act(ledger, drafting.sign_drafts, "cashier", draft_ids=[draft_id]), back


def post_and_return(ledger: Ledger) -> tuple[Work, Work]:
    draft_id = draft(ledger, GIFT)
    back = act(ledger, drafting.return_draft, "chief", draft_id=draft_id, reason="金额不符")
    return post(ledger, draft_id), back


# -- beside the ledger


def log_and_post(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    return _sequence(ledger), post(ledger, draft(ledger, GIFT))


def log_twice(ledger: Ledger) -> tuple[Work, Work]:
    ledger.post(GIFT)
    return _sequence(ledger), _sequence(ledger)


def _sequence(ledger: Ledger) -> Work:
    """Return bringing the proof log up to date."""
    settings = ledger.org

    def work(session: Session) -> None:
        sequence(SessionRunner(session), org_id=ledger.org_id, at=ledger.at, settings=settings)

    return work


def _gift(ledger: Ledger) -> tuple[Office, Donation]:
    """Return an office and a gift of 100.00 that is in its books."""
    office = Office(ledger, ledger.org.data_dir)
    entry = GiftEntry(
        DonorEntry("person", "张三"), 10_000, "bank", "B1", TODAY, parts=(Part("F1"),), attachments=(PAPER,)
    )
    gift_id = office.act(record_donation, gift=entry, on=TODAY, key="gift").id
    office.post_all()
    office.session.rollback()
    return office, office.session.get_one(Donation, (office.org_id, gift_id))


def record_twice(ledger: Ledger) -> tuple[Work, Work]:
    office = Office(ledger, ledger.org.data_dir)
    entry = GiftEntry(
        DonorEntry("person", "张三"), 10_000, "bank", "B1", TODAY, parts=(Part("F1"),), attachments=(PAPER,)
    )
    work = partial(_act, record_donation, office.clerk(), {"gift": entry, "on": TODAY, "key": "gift"})
    return work, work


def refund_twice(ledger: Ledger) -> tuple[Work, Work]:
    office, gift = _gift(ledger)
    first, second = (
        NewRefund(gift.id, 8_000, TODAY, "B1", "捐赠人撤回", f"form:{number}", paper=PAPER)
        for number in range(2)
    )
    record = partial(_act, refunds.record_refund, office.clerk())
    return partial(record, {"refund": first, "on": TODAY}), partial(record, {"refund": second, "on": TODAY})


def receipt_twice(ledger: Ledger) -> tuple[Work, Work]:
    office, gift = _gift(ledger)
    issuer = replace(office.clerk(), permissions=office.permissions | {"receipts.issue"})
    values = {"donation_id": gift.id, "on": TODAY, "press": Press(office.data_dir, "https://cishan.example")}
    first, second = ({**values, "key": key} for key in ("form 1", "form 2"))
    return partial(_act, issue_receipt, issuer, first), partial(_act, issue_receipt, issuer, second)


def grant_twice(ledger: Ledger) -> tuple[Work, Work]:
    """A cashier does not review; two administrators give both roles to one person."""
    manager = Actor(0, ledger.org_id, "系统", frozenset({"users.manage"}), ledger.at)
    name = f"lisi{ledger.org_id}"
    details = Details("李四")
    _act(add_user, manager, {"username": name, "details": details, "on": ON}, ledger.session)
    values = {"username": name, "reason": "任职", "on": ON}
    first, second = ({**values, "role": role} for role in ("cashier", "reviewer"))
    return partial(_act, grant_role, manager, first), partial(_act, grant_role, manager, second)


def both(begin: Begin) -> Script:
    """Return a script both of whose acts are done, whoever comes first."""
    done = "done", "done"
    return Script(begin, (done, done), (done, done, done))


def one(begin: Begin, code: str, *, meanwhile: str = "", is_overtaken: bool = False) -> Script:
    """Return a script whose later act is refused.

    Args:
        begin: makes the books ready.
        code: why.
        meanwhile: the code on PostgreSQL, where the database finds it last; empty for the same.
        is_overtaken: whether the first holds no lock while it judges, and is the later one then.
    """
    told = meanwhile or code
    race = (told, "done") if is_overtaken else ("done", told)
    return Script(begin, (("done", code), (code, "done")), (("done", told), (told, "done"), race))


SCRIPTS: dict[str, Script] = {
    "close, post": Script(
        close_and_post,
        (("close_drafts", "done"), ("done", "done")),
        (("close_drafts", "done"), ("close_drafts", "done"), ("close_drafts", "done")),
    ),
    "close, draft": Script(
        close_and_draft,
        (("done", "done"), ("close_drafts", "done")),
        (("done", "done"), ("done", "done"), ("guard_refused", "done")),
    ),
    "close, correct": Script(
        close_and_correct,
        (("done", "correction_period"), ("close_drafts", "done")),
        (("done", "done"), ("done", "done"), ("guard_refused", "done")),
    ),
    "close, close": one(close_twice, "close_not_open"),
    "close January, close February": Script(
        close_two_months,
        (("done", "done"), ("done", "close_earlier_open")),
        (("done", "close_earlier_open"), ("done", "close_earlier_open"), ("done", "close_earlier_open")),
    ),
    "open a month, post": both(open_and_post),
    "open a month, open it": both(open_twice),
    "hold, spend": one(
        hold_and_spend, "fund_overdrawn", meanwhile="fund_overdrawn_meanwhile", is_overtaken=True
    ),
    "hold, hold": one(
        hold_and_hold, "fund_overdrawn", meanwhile="fund_overdrawn_meanwhile", is_overtaken=True
    ),
    "hold, the same hold": both(same_hold_twice),
    "spend the last money, spend it": one(
        last_money, "fund_overdrawn", meanwhile="fund_overdrawn_meanwhile", is_overtaken=True
    ),
    "release a hold, pay it": one(release_and_pay, "hold_ended", is_overtaken=True),
    "release a hold, release it": one(release_twice, "hold_ended", is_overtaken=True),
    "pay a hold, pay it": one(pay_one_hold_twice, "hold_ended", is_overtaken=True),
    "post, post the same": both(same_draft_twice),
    "post, post another": both(two_gifts),
    "draft, the same draft": both(same_key_twice),
    "draft, another with its key": one(one_key_two_drafts, "key_reused", is_overtaken=True),
    "post a batch, post one of it": both(batch_and_one),
    "post a set, return one of it": one(set_and_discard, "draft_wrong_state"),
    "reverse, reverse": one(
        reverse_twice, "voucher_reversed", meanwhile="corrected_meanwhile", is_overtaken=True
    ),
    "reverse, less": Script(
        red_and_difference,
        (("done", "voucher_reversed"), ("correction_stale", "done")),
        (("done", "corrected_meanwhile"), ("corrected_meanwhile", "done"), ("corrected_meanwhile", "done")),
    ),
    "less, less": one(
        difference_twice, "correction_stale", meanwhile="corrected_meanwhile", is_overtaken=True
    ),
    "review, recall": one(review_and_edit, "draft_wrong_state"),
    "edit, edit": one(edit_and_edit, "draft_changed"),
    "submit, discard": one(submit_and_discard, "draft_wrong_state"),
    "sign, return": Script(
        sign_and_return,
        (("done", "done"), ("draft_wrong_state", "done")),
        (("done", "done"), ("draft_wrong_state", "done"), ("done", "done")),
    ),
    "post, return": one(post_and_return, "draft_wrong_state"),
    "log, post": both(log_and_post),
    "log, log": both(log_twice),
    "record a gift, record it": both(record_twice),
    "refund, refund": one(refund_twice, "refund_too_large"),
    "issue a receipt, issue it": one(receipt_twice, "receipt_exists"),
    "grant a role, grant one it excludes": one(grant_twice, "cashier_reviews"),
}
