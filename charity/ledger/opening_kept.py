"""Keeping the lists of an opening: parties, goods, invoices owed, old numbers, years before."""

from __future__ import annotations

from sqlalchemy.orm import Session

from charity.db import Actor
from charity.ids import new_code, new_id
from charity.ledger.books import load_books
from charity.ledger.models import Party
from charity.ledger.opening_models import OldNumber, OpenedStock, OpenItem, OwedTicket, YearFigure
from charity.ledger.opening_plan import OpeningPlan
from charity.ledger.opening_rows import NUMBERS, PARTIES, STOCK, TICKETS, YEARS
from charity.periods import Month


def keep_lists(session: Session, *, actor: Actor, plan: OpeningPlan) -> None:
    """Write the lists of a plan; called in the transaction that takes it.

    Args:
        actor: whose org.
        plan: one that ties.
    """
    books = load_books(session, actor.org_id, Month(plan.file.start.year, 1).first_on)

    def purse(key: tuple[str, str, str]) -> dict[str, int]:
        account, fund, earmark = key
        return {
            "org_id": actor.org_id,
            "account_id": books.accounts[account].id,
            "fund_id": books.funds[fund].id,
            "earmark_id": books.earmarks[earmark].id,
        }

    # One handle for one name of one kind, so that all that a party owes stands together.
    handles: dict[tuple[str, str], int] = {}
    for row, key in plan.items[PARTIES]:
        who = (row.text("name"), row.text("kind"))
        if who not in handles:
            handles[who] = _party(session, actor.org_id, row.text("kind"))
        session.add(
            OpenItem(
                **purse(key),
                party_id=handles[who],
                name=row.text("name"),
                amount_fen=row.fen("debit") - row.fen("credit"),
                since_on=row.day("on"),
                ref=row.text("ref"),
            )
        )
    for row, key in plan.items[STOCK]:
        session.add(
            OpenedStock(
                **purse(key),
                item=row.text("item"),
                unit=row.text("unit"),
                quantity_milli=int(row.cells["quantity"]),
                value_fen=row.fen("value"),
                store=row.text("store"),
                expires_on=row.day("expires_on"),
            )
        )
    _keep_references(session, actor.org_id, plan)
    session.flush()


def _party(session: Session, org_id: int, kind: str) -> int:
    """Make a handle for a party and return its key."""
    party = Party(org_id=org_id, id=new_id(), public_no=new_code(12), kind=kind)
    session.add(party)
    session.flush()
    return party.id


def _keep_references(session: Session, org_id: int, plan: OpeningPlan) -> None:
    """Write invoices owed, old numbers and the years before."""
    rows = plan.file.rows
    for row in rows[TICKETS]:
        received_on = row.day("on")
        assert received_on is not None
        session.add(
            OwedTicket(
                org_id=org_id,
                name=row.text("name"),
                amount_fen=row.fen("amount"),
                received_on=received_on,
                ref=row.text("ref"),
                invoice_number=None,
                issued_by=None,
                issued_at=None,
            )
        )
    for row in rows[NUMBERS]:
        month = row.month()
        assert month is not None
        first, last, count = (int(row.cells[name]) for name in ("first", "last", "number"))
        session.add(
            OldNumber(
                org_id=org_id,
                month=month.code,
                word=row.text("word"),
                first_no=first,
                last_no=last,
                count=count,
            )
        )
    for row in rows[YEARS]:
        session.add(
            YearFigure(
                org_id=org_id,
                year=int(row.cells["year"]),
                **{
                    f"{name}_fen": row.fen(name)
                    for name in ("income", "programme", "admin", "expense", "net_assets", "restricted")
                },
            )
        )
