"""What the ledger puts on a person's desk: drafts, signatures, months, frozen funds."""

from __future__ import annotations

from collections.abc import Iterator

from flask import url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.ledger.common_routes import blueprint, reading
from charity.ledger.desk_queries import (
    UNCLAIMED,
    holds_to_ask,
    months_over,
    own_drafts,
    queue_count,
    rules_to_approve,
    unclaimed_fen,
)
from charity.ledger.opening_queries import opening_row
from charity.ledger.queries import open_incidents, open_months
from charity.web import desk
from charity.web.context import today
from charity.web.desk import Waiting
from charity.web.filters import money, month


def waiting(session: Session, actor: Actor) -> list[Waiting]:
    """Return what waits in the books for one person, by what the roles allow."""
    if not actor.may("ledger.read"):
        return []
    return [
        *_frozen(session, actor),
        *_drafts(session, actor),
        *_queues(session, actor),
        *_rules(session, actor),
        *_opening(session, actor),
        *_months(session, actor),
        *_money(session, actor),
    ]


def _frozen(session: Session, actor: Actor) -> Iterator[Waiting]:
    incidents = open_incidents(session, actor.org_id)
    if incidents:
        funds = "、".join(dict.fromkeys(row.fund for row in incidents))
        yield Waiting(
            _("Funds are frozen: %(funds)s", funds=funds),
            url_for("ledger.funds"),
            len(incidents),
            incidents[0].reason,
            "bad",
        )


def _drafts(session: Session, actor: Actor) -> Iterator[Waiting]:
    if not actor.may("ledger.draft"):
        return
    own = own_drafts(session, actor.org_id, actor.user_id)
    mine = url_for("ledger.drafts", mine=1, state="draft")
    if own.returned:
        label = _("Drafts of mine that were given back")
        yield Waiting(label, mine, own.returned, own.last_reason, "warn")
    if own.preparing:
        yield Waiting(_("Drafts of mine that are not complete"), mine, own.preparing)
    if own.under_way:
        label = _("Drafts of mine under review or waiting to be posted")
        yield Waiting(label, url_for("ledger.drafts", mine=1), own.under_way, state="info")


def _queues(session: Session, actor: Actor) -> Iterator[Waiting]:
    for queue, label in (
        ("review", _("Vouchers to review")),
        ("sign", _("Money vouchers to sign as cashier")),
        ("post", _("Vouchers ready to be posted")),
    ):
        if actor.may(f"ledger.{queue}") and (count := queue_count(session, actor.org_id, queue)):
            yield Waiting(label, url_for(f"ledger.{queue}"), count)


def _rules(session: Session, actor: Actor) -> Iterator[Waiting]:
    if actor.may("ledger.approve_rule") and (count := rules_to_approve(session, actor.org_id, actor.user_id)):
        yield Waiting(_("Posting rules to approve"), url_for("ledger.setup_rules"), count)


def _opening(session: Session, actor: Actor) -> Iterator[Waiting]:
    found = opening_row(session, actor.org_id) if actor.may("ledger.close") else None
    if found is not None and found.state == "proposed" and found.proposer_id != actor.user_id:
        yield Waiting(_("Books from another system to approve"), url_for("ledger.opening"), 1)


def _months(session: Session, actor: Actor) -> Iterator[Waiting]:
    over = months_over(session, actor.org_id, today())
    if over:
        first = over[0]
        state = "" if actor.may("ledger.close") else "info"
        label = _("%(month)s is over and still open", month=month(first))
        yield Waiting(label, url_for("ledger.close", month=str(first)), state=state)
    opened = open_months(session, actor.org_id)
    if not any(known.holds(today()) for known in opened):
        state = "warn" if actor.may("ledger.close") or actor.may("ledger.draft") else "info"
        yield Waiting(_("No month is open for vouchers of today"), url_for("ledger.months"), state=state)


def _money(session: Session, actor: Actor) -> Iterator[Waiting]:
    fen = unclaimed_fen(session, actor.org_id)
    if fen:
        state = "" if actor.may("ledger.draft") else "info"
        label = _("Money that came in and is not identified: %(amount)s", amount=money(fen))
        yield Waiting(label, url_for("ledger.account", code=UNCLAIMED), state=state)
    count, total = holds_to_ask(session, actor.org_id, today())
    if count and actor.may("ledger.hold"):
        label = _("Money set aside long ago; does it still stand?")
        yield Waiting(label, url_for("ledger.holds", due=1), count, money(total), "warn")


def months_shown(org_id: int) -> str:
    """Return the months the books are open for, for the bar above every page; hook of the shell."""
    opened = [month(known) for known in open_months(reading(), org_id)]
    return " – ".join((opened[0], opened[-1])) if len(opened) > 2 else "、".join(opened)


@blueprint.record_once
def install(state: BlueprintSetupState) -> None:
    """Tell the shell which months are open."""
    state.app.extensions["charity.open_month"] = months_shown


desk.register("ledger", waiting, order=10)
