"""Printing vouchers: posted (or prepared) ones become snapshots for the documents.

The paper is Chinese whatever the reader's language: it is filed with the archive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.documents.voucher import Paper, VoucherDocument, VoucherLineDocument, render_vouchers
from charity.errors import N_, refuse, register
from charity.ledger.naming import BookNames, load_names
from charity.ledger.people import RuleReview, rule_reviews, signer_names
from charity.ledger.reading import PostedRecord, read_vouchers
from charity.ledger.sealed_models import Voucher
from charity.ledger.sheets import earlier_makers
from charity.periods import Month
from charity.places.models import Org

PROBLEMS = register(
    {
        "print_nothing": N_("There is no voucher to print there."),
        "print_too_many": N_("More than %(limit)s vouchers are too many for one file; print them in parts."),
    }
)

#: Vouchers of one file: a few seconds of drawing.
PRINT_LIMIT = 200


def voucher_documents(
    session: Session, org_id: int, voucher_ids: Sequence[int], *, is_demo: bool = False
) -> list[VoucherDocument]:
    """Return posted vouchers as snapshots, in the order asked.

    Args:
        org_id: whose books.
        voucher_ids: at most ``PRINT_LIMIT``.
        is_demo: whether the sheets say 演示.

    Raises:
        Refused: ``print_nothing`` or ``print_too_many``.
    """
    if not voucher_ids:
        raise refuse("print_nothing")
    if len(voucher_ids) > PRINT_LIMIT:
        raise refuse("print_too_many", limit=PRINT_LIMIT)
    records = read_vouchers(session, org_id, voucher_ids)
    if not records:
        raise refuse("print_nothing")
    org = session.execute(select(Org.name).where(Org.id == org_id)).scalar_one()
    names = load_names(session, org_id)
    rules = rule_reviews(session, org_id, (record.header["posting_rule_id"] for record in records))
    ids = [record.header[key] for record in records for key in _SIGNERS]
    ids += [key for record in records for key in earlier_makers(record.header)]
    ids += [key for rule in rules.values() for key in rule.people]
    people = signer_names(session, ids)
    return [_document(record, org, names, people, rules, is_demo) for record in records]


_SIGNERS = ("maker_id", "reviewer_id", "cashier_id", "poster_id")


def _document(
    record: PostedRecord,
    org: str,
    names: BookNames,
    people: Mapping[int, str],
    rules: Mapping[int, RuleReview],
    is_demo: bool,
) -> VoucherDocument:
    """Return one voucher as a snapshot."""
    header = record.header
    month = Month.from_code(header["month"])
    maker, reviewer, cashier, poster = (people.get(header[key], "") for key in _SIGNERS)
    return VoucherDocument(
        org_name=org,
        word=header["word"],
        number=header["number"],
        dated_on=header["voucher_on"],
        lines=tuple(
            VoucherLineDocument(
                summary=line.value.summary,
                account_code=line.value.account,
                account_name=names.account(line.value.account),
                fund_name=names.fund(line.value.fund),
                earmark_name=names.earmark(line.value.fund, line.value.earmark),
                debit_fen=line.value.debit_fen,
                credit_fen=line.value.credit_fen,
                is_retag=line.value.is_retag,
            )
            for line in record.lines
        ),
        attachment_count=len(record.attachments),
        is_red=header["colour"] == "red",
        maker="、".join([*(people.get(key, "") for key in earlier_makers(header)), maker]),
        reviewer=reviewer or _rule_text(rules.get(header["posting_rule_id"] or 0), people),
        cashier=cashier,
        poster=poster,
        month_text=f"{month.year}年审计调整期" if month.number == 13 else "",
        is_demo=is_demo,
    )


def _rule_text(rule: RuleReview | None, people: Mapping[int, str]) -> str:
    """Return what stands under 稽核 where an approved rule reviewed: 规则P02／甲、乙批准."""
    if rule is None:
        return ""
    names = "、".join(people.get(key, "") for key in rule.approver_ids)
    return f"规则{rule.code}／{names}批准" if names else f"规则{rule.code}"


def print_vouchers(
    session: Session,
    org_id: int,
    voucher_ids: Sequence[int],
    *,
    paper: Paper = "voucher",
    is_demo: bool = False,
) -> bytes:
    """Return posted vouchers as one PDF, in the order asked.

    Args:
        paper: ``voucher`` for sheets of 240 × 140 mm, ``a4`` for two on a sheet with a
            binding margin.

    Raises:
        Refused: as :func:`voucher_documents`, and ``character_not_printable``.
    """
    documents = voucher_documents(session, org_id, voucher_ids, is_demo=is_demo)
    return render_vouchers(documents, paper=paper)


def vouchers_between(
    session: Session, org_id: int, month: Month, word: str, first_no: int, last_no: int
) -> list[int]:
    """Return the ids of the vouchers of a month and word from one number to another, in order."""
    query = (
        select(Voucher.id)
        .where(
            Voucher.org_id == org_id,
            Voucher.month == month.code,
            Voucher.word == word,
            Voucher.number >= first_no,
            Voucher.number <= last_no,
        )
        .order_by(Voucher.number)
        .limit(PRINT_LIMIT + 1)
    )
    return list(session.scalars(query))
