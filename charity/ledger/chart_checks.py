"""The chart, the funds' guards and the database's own rules, compared with what is declared."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity import catalogue, triggers
from charity.ledger.chart import CHART, CHART_FROM, declared_accounts, declared_guards
from charity.ledger.findings import LIMIT, Finding
from charity.ledger.models import Account, GuardRule


def check_triggers(session: Session, org_id: int) -> list[Finding]:
    """Compare the database's triggers with their text."""
    return [Finding("triggers", "database", text) for text in triggers.compare(session.connection())]


def check_catalogue(session: Session, org_id: int) -> list[Finding]:
    """Compare the constraints, indexes and rights of guarded tables with what is declared."""
    return [Finding("catalogue", "database", text) for text in catalogue.compare(session.connection())]


def check_chart(session: Session, org_id: int) -> list[Finding]:
    """Compare the accounts and what the guards count with the chart as it was installed."""
    wanted = {values["code"]: values for values in declared_accounts()}
    present = {row.code: row for row in session.scalars(select(Account).where(Account.chart == CHART))}
    found = []
    for code in sorted(wanted.keys() | present.keys()):
        if code not in present:
            found.append(Finding("chart", f"account {code}", "is missing"))
        elif code not in wanted:
            found.append(Finding("chart", f"account {code}", "is not in the chart"))
        else:
            found += [
                Finding(
                    "chart", f"account {code}", f"its {name} is {getattr(present[code], name)}, not {value}"
                )
                for name, value in wanted[code].items()
                if getattr(present[code], name) != value
            ]
    rows = session.execute(
        select(GuardRule.guard, GuardRule.fund_kind, Account.code, GuardRule.from_on, GuardRule.until_on)
        .join(Account, Account.id == GuardRule.account_id)
        .order_by(GuardRule.guard, GuardRule.fund_kind, Account.code)
    )
    kept = {(guard, kind, code, from_on, until_on) for guard, kind, code, from_on, until_on in rows}
    declared = {(*rule, CHART_FROM, None) for rule in declared_guards()}
    for rules, message in (
        (declared - kept, "does not count as declared"),
        (kept - declared, "is not declared"),
    ):
        found += [
            Finding("chart", f"{guard} guard of {kind} funds, account {code}", message)
            for guard, kind, code, *_ in sorted(rules, key=str)
        ]
    return found[:LIMIT]
