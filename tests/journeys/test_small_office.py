"""An office of three or four people runs a month with the roles the law lets them hold.

March: 1,000.00 are given to F1, 300.00 of it are paid out, 100.00 go to a wrong account and
are corrected; then the month is closed. Each step is done by whoever holds the role for it,
by a real login; whoever must not do a step is refused, though nobody else is there.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.ledger import closing, corrections, drafting, posting
from charity.ledger.checks import run_checks
from charity.periods import Month
from charity.users.queries import actor_of
from charity.users.rules import can_run_month, find_staffing
from tests.books import Ledger, open_books, read_journal
from tests.builders import make_user
from tests.unit.users.test_roles import STAFFED

GIFT = "2026-03-05 捐款\n  借 1002@B1 1,000.00 F1\n  贷 410102 1,000.00 F1"
AID = "2026-03-10 救助\n  借 510102 300.00 F1\n  贷 1002@B1 300.00 F1"


class SmallOffice:
    """The people of an org under their login names, each with the roles held."""

    def __init__(self, session: Session, staff: dict[str, set[str]]) -> None:
        self.ledger: Ledger = open_books(session)
        self.ledger.open_months("2026-01", "2026-04")
        self.session = session
        self.logins: dict[str, int] = {}
        for number, (name, roles) in enumerate(staff.items()):
            user = make_user(
                session,
                org_id=self.ledger.org_id,
                username=f"person{number}",
                display_name=name,
                roles=tuple(sorted(roles)),
            )
            self.logins[name] = user.id
        found = find_staffing(staff)
        assert found is not None
        self.maker, self.reviewer = found.maker, found.reviewer
        self.cashier, self.poster = found.cashier, found.poster

    def actor(self, name: str) -> Actor:
        """Return a person as he acts now, by the roles in the database."""
        self.session.rollback()
        found = actor_of(self.session, self.ledger.org_id, self.logins[name], self.ledger.at)
        assert found is not None
        return found

    def act(self, verb: Any, name: str, **values: Any) -> Any:
        """Run one verb as a person."""
        actor = self.actor(name)
        with unit_of_work(self.session) as own:
            return verb(own, actor=actor, **values)

    def refused(self, verb: Any, name: str, **values: Any) -> list[str]:
        """Return the codes with which a person is refused."""
        with pytest.raises(Refused) as refused:
            self.act(verb, name, **values)
        return refused.value.codes

    def take_through(self, *draft_ids: int) -> list[Any]:
        """Submit, review, sign and post, each by its person; try the wrong ones first."""
        given = {"draft_ids": list(draft_ids)}
        self.act(drafting.submit_drafts, self.maker, **given)
        assert self.refused(drafting.review_drafts, self.maker, **given)
        self.act(drafting.review_drafts, self.reviewer, **given)
        assert self.refused(drafting.sign_drafts, self.reviewer, **given)
        self.act(drafting.sign_drafts, self.cashier, **given)
        on = self.ledger.on
        assert self.refused(posting.post_drafts, self.cashier, **given, on=on)
        assert self.refused(posting.post_drafts, self.maker, **given, on=on)
        return list(self.act(posting.post_drafts, self.poster, **given, on=on))

    def draft(self, journal: str) -> int:
        """Make a voucher of a mini-journal."""
        (voucher,) = read_journal(journal)
        return int(self.act(drafting.make_draft, self.maker, draft=voucher).id)


@pytest.mark.parametrize("staff", STAFFED, ids=lambda staff: f"{len(staff)} people")
def test_a_small_office_runs_a_month(session: Session, staff: dict[str, set[str]]) -> None:
    assert can_run_month(staff) == []
    office = SmallOffice(session, staff)
    (gift,) = office.take_through(office.draft(GIFT))
    office.take_through(office.draft(AID))
    difference = office.act(
        corrections.difference_voucher,
        office.maker,
        voucher_id=gift.voucher_id,
        amounts={1: 90_000, 2: 90_000},
        on=date(2026, 3, 20),
    )
    office.take_through(difference.id)
    closers = [name for name in office.logins if office.actor(name).may("ledger.close")]
    assert closers and office.maker not in closers and office.cashier not in closers
    for month in (1, 2, 3):
        assert office.refused(
            closing.close_month, office.maker, month=Month(2026, month), on=date(2026, 4, 2)
        ) == ["permission_missing"]
        office.act(closing.close_month, closers[0], month=Month(2026, month), on=date(2026, 4, 2))
    assert office.ledger.guard()["F1"] == ("600.00", "0.00")
    assert run_checks(session, office.ledger.org_id) == []


def test_who_is_away_is_not_stood_in_for_by_the_same_person_twice(session: Session) -> None:
    """Of three people one is ill: nothing is posted, and the refusal says who must not do it."""
    office = SmallOffice(session, STAFFED[0])
    draft_id = office.draft(GIFT)
    office.act(drafting.submit_drafts, office.maker, draft_ids=[draft_id])
    for name in office.logins:
        if name not in (office.reviewer, office.poster):
            assert office.refused(drafting.review_drafts, name, draft_ids=[draft_id])
