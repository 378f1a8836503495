"""What the posted lines stand on, compared with where it came from.

Funds, earmarks, places of money, posting rules and
signed audits with the operation log, whose entries the proof log chains; lines with the
kinds they name; frozen months with incidents; roles with the matrix of duties.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from charity.ledger.findings import LIMIT, Check, Finding
from charity.ledger.models import Account, BookYear, Earmark, Fund, MoneyPlace, PostingRule
from charity.ledger.openings import earmark_details, fund_details, place_details, rule_details
from charity.ledger.sealed_models import FundGuard, FundMonth, Incident, IncidentCover, Voucher, VoucherLine
from charity.oplog.models import OpLogEntry
from charity.periods import Month
from charity.users.models import RoleGrant, User
from charity.users.rules import check_roles


def check_openings(session: Session, org_id: int) -> list[Finding]:
    """Find rows that say something else than the act that opened or wrote them."""
    acts: dict[tuple[str, str], list[Any]] = defaultdict(list)
    query = select(OpLogEntry.act, OpLogEntry.subject_no, OpLogEntry.summary, OpLogEntry.details)
    for row in session.execute(
        query.where(OpLogEntry.org_id == org_id, OpLogEntry.act.in_(_OPENING)).order_by(OpLogEntry.id)
    ):
        acts[row.act, row.subject_no].append(row.details)
    found: list[Finding] = []
    for act, code, where, values in _opened(session, org_id):
        known = acts[act, code]
        if not known:
            found.append(Finding("openings", where, "no act of the operation log tells of it"))
        elif all(_differing(details, values) for details in known):
            wrong = ", ".join(_differing(known[-1], values))
            found.append(Finding("openings", where, f"was changed after it was opened: {wrong}"))
    return found[:LIMIT]


_OPENING = (
    "ledger.open_fund",
    "ledger.open_earmark",
    "ledger.open_place",
    "ledger.write_rule",
    "ledger.sign_audit",
)


def _differing(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return the names of the values that an entry tells otherwise."""
    return [name for name, value in values.items() if details.get(name) != value]


def _opened(session: Session, org_id: int) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield act, code, place and values of every row that an act opened or wrote."""
    codes = dict(session.execute(select(Account.id, Account.code)).all())
    funds = {fund.id: fund for fund in session.scalars(select(Fund).where(Fund.org_id == org_id))}
    for fund in funds.values():
        yield "ledger.open_fund", fund.code, f"fund {fund.code}", fund_details(fund)
    for earmark in session.scalars(select(Earmark).where(Earmark.org_id == org_id)):
        owner = funds[earmark.fund_id]
        if earmark.is_default:
            values = {"purpose": earmark.text, "full_name": earmark.name}
            yield "ledger.open_fund", owner.code, f"earmark {earmark.code}", values
        else:
            values = earmark_details(earmark, owner.code)
            yield "ledger.open_earmark", earmark.code, f"earmark {earmark.code}", values
    for place in session.scalars(select(MoneyPlace).where(MoneyPlace.org_id == org_id)):
        account = codes.get(place.account_id, "?")
        yield "ledger.open_place", place.code, f"money place {place.code}", place_details(place, account)
    for rule in session.scalars(select(PostingRule).where(PostingRule.org_id == org_id)):
        where = f"posting rule {rule.code} version {rule.version}"
        yield "ledger.write_rule", rule.code, where, rule_details(rule)
    for year in session.scalars(
        select(BookYear).where(BookYear.org_id == org_id, BookYear.audited_on.is_not(None))
    ):
        yield "ledger.sign_audit", str(year.year), f"audit of {year.year}", {}


def check_kinds(session: Session, org_id: int) -> list[Finding]:
    """Find posted lines whose account cannot carry the kind of their fund."""
    line, account, fund = VoucherLine, Account, Fund
    wrong: list[ColumnElement[bool]] = [
        and_(account.restriction == "yes", fund.kind != "restricted"),
        and_(account.restriction == "no", fund.kind != "general"),
        (account.restriction == "agency") != (fund.kind == "agency"),
        account.restriction == "split",
        ~account.is_postable,
        account.is_money != line.money_place_id.is_not(None),
    ]
    rows = session.execute(
        select(Voucher.month, Voucher.word, Voucher.number, line.line_no, account.code, fund.code)
        .join(Voucher, (Voucher.org_id == line.org_id) & (Voucher.id == line.voucher_id))
        .join(account, account.id == line.account_id)
        .join(fund, (fund.org_id == line.org_id) & (fund.id == line.fund_id))
        .where(line.org_id == org_id, or_(*wrong))
        .order_by(Voucher.month, Voucher.word, Voucher.number, line.line_no)
        .limit(LIMIT)
    )
    return [
        Finding(
            "kinds",
            f"{Month.from_code(month)} {word}-{number:04d}: line {line_no}",
            f"account {code} cannot carry fund {fund_code}: one of the two has become something else",
        )
        for month, word, number, line_no, code, fund_code in rows
    ]


def check_frozen(session: Session, org_id: int) -> list[Finding]:
    """Find months and guards that stand frozen although no incident froze them."""
    covered = select(IncidentCover.incident_id).where(IncidentCover.org_id == org_id)
    since: dict[tuple[int, int], int] = {}
    is_open: dict[int, tuple[int, int]] = {}
    for incident in session.scalars(select(Incident).where(Incident.org_id == org_id)):
        purse = (incident.fund_id, incident.earmark_id)
        since[purse] = min(since.get(purse, incident.month), incident.month)
    for incident in session.scalars(
        select(Incident).where(Incident.org_id == org_id, Incident.id.not_in(covered))
    ):
        is_open[incident.id] = (incident.fund_id, incident.earmark_id)
    funds = dict(session.execute(select(Fund.id, Fund.code).where(Fund.org_id == org_id)).all())
    found: list[Finding] = []
    for row in session.scalars(select(FundMonth).where(FundMonth.org_id == org_id, FundMonth.is_frozen)):
        begun = since.get((row.fund_id, row.earmark_id))
        if begun is None or row.month < begun:
            where = f"fund {funds.get(row.fund_id, row.fund_id)} {Month.from_code(row.month)}"
            found.append(Finding("incidents", where, "stands frozen, but no incident froze it"))
    for guard in session.scalars(
        select(FundGuard).where(FundGuard.org_id == org_id, FundGuard.incident_id.is_not(None))
    ):
        if is_open.get(guard.incident_id or 0) != (guard.fund_id, guard.earmark_id):
            where = f"fund {funds.get(guard.fund_id, guard.fund_id)}"
            found.append(Finding("incidents", where, "names an incident that is not open"))
    return found[:LIMIT]


def check_people(session: Session, org_id: int) -> list[Finding]:
    """Find logins that hold roles one person may not hold together (会计法 (2024) art. 35)."""
    held: dict[str, list[str]] = defaultdict(list)
    for username, role in session.execute(
        select(User.username, RoleGrant.role)
        .join(User, User.id == RoleGrant.user_id)
        .where(RoleGrant.org_id == org_id, RoleGrant.revoked_at.is_(None))
        .order_by(User.username)
    ):
        held[username].append(role)
    return [
        Finding(
            "roles",
            f"login {username}",
            f"holds roles that must not meet ({problem.code}): {', '.join(sorted(roles))}",
        )
        for username, roles in held.items()
        for problem in check_roles(roles)
    ][:LIMIT]


MASTER_CHECKS: Sequence[Check] = (check_openings, check_kinds, check_frozen, check_people)
