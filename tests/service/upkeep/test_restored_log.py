"""A restored log signs nothing until the last published head, given from outside, lies in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.db import Actor, unit_of_work
from charity.errors import Refused
from charity.proofs.models import Checkpoint, Restoration
from charity.proofs.restoration import confirm_head
from charity.upkeep.checking import find_all
from tests.service.upkeep.conftest import AT, GIFT, House, elsewhere

Opened = Callable[[Settings], Session]
BOSS = frozenset({"upkeep.read"})


def published(house: House) -> str:
    """The checkpoint as a reader fetched it."""
    return (house.settings.data_dir / "proofs" / "city" / "checkpoint").read_text()


def confirm(house: House, note: str) -> int:
    actor = Actor(1, house.ledger.org_id, "administrator", BOSS, AT)
    with unit_of_work(house.ledger.session) as work:
        return confirm_head(work, actor=actor, note=note, settings=house.settings)


def restored(house: House, opened: Opened, archive) -> House:
    found = house.restore(archive)
    return elsewhere(house, found, opened(found.settings))


def refused_to_sign(house: House) -> list[str]:
    with pytest.raises(Refused) as refused:
        house.sign()
    house.ledger.session.rollback()
    return refused.value.codes


def test_an_older_backup_never_forks_what_was_published(house: House, opened: Opened) -> None:
    """Back up, publish two further heads, restore: shorter and forked heads are both refused.

    The restored books post another voucher, so that a head of the same size would say
    something else; giving the published head does not help, for it does not lie in them.
    """
    archive = house.back_up().path
    for _ in range(2):
        house.ledger.post(GIFT)
        house.sign()
    newest, old = published(house), restored(house, opened, archive)
    assert refused_to_sign(old) == ["restored_unconfirmed"]
    old.ledger.post(GIFT)
    assert refused_to_sign(old) == ["restored_unconfirmed"]
    with pytest.raises(Refused) as refused:
        confirm(old, newest)
    assert refused.value.codes == ["checkpoint_not_contained"]
    assert refused_to_sign(old) == ["restored_unconfirmed"]
    session = old.ledger.session
    assert len(session.scalars(select(Checkpoint)).all()) == 1


def test_the_newest_backup_goes_on_once_the_head_is_given(house: House, opened: Opened) -> None:
    """The cure: the newest backup contains the head; it is given, and the log goes on."""
    house.ledger.post(GIFT)
    house.sign()
    new = restored(house, opened, house.back_up().path)
    assert refused_to_sign(new) == ["restored_unconfirmed"]
    size = confirm(new, published(house))
    new.ledger.post(GIFT)
    assert new.sign().tree_size > size
    rows = new.ledger.session.scalars(select(Restoration).order_by(Restoration.number)).all()
    assert [(row.kind, row.by_name) for row in rows] == [("restored", ""), ("confirmed", "administrator")]


@pytest.mark.sqlite_only
def test_flask_check_names_books_that_wait_for_their_head(house: House, opened: Opened) -> None:
    new = restored(house, opened, house.back_up().path)
    session = new.ledger.session
    found = find_all(session, [(new.ledger.org_id, "CITY")], new.settings.data_dir)
    assert "restored books" in [finding.check for _, finding in found]
    confirm(new, published(house))
    found = find_all(session, [(new.ledger.org_id, "CITY")], new.settings.data_dir)
    assert "restored books" not in [finding.check for _, finding in found]


@pytest.mark.sqlite_only
def test_a_second_restore_asks_again(house: House, opened: Opened) -> None:
    new = restored(house, opened, house.back_up().path)
    confirm(new, published(house))
    house_of_new = replace(new, folder=house.folder)
    again = restored(house_of_new, opened, house_of_new.back_up(after_min=1).path)
    assert refused_to_sign(again) == ["restored_unconfirmed"]


@pytest.mark.sqlite_only
def test_books_that_were_never_restored_have_nothing_to_confirm(house: House) -> None:
    with pytest.raises(Refused) as refused:
        confirm(house, published(house))
    assert refused.value.codes == ["head_not_asked"]


@pytest.mark.sqlite_only
def test_a_head_that_nobody_signed_is_not_believed(house: House, opened: Opened) -> None:
    new = restored(house, opened, house.back_up().path)
    note = published(house)
    for wrong in ("", "nonsense", note.replace("127.0.0.1", "evil.example"), note[:-10] + "AAAAAAAA=\n"):
        with pytest.raises(Refused) as refused:
            confirm(new, wrong)
        assert refused.value.codes == ["head_unreadable"]


@pytest.mark.sqlite_only
def test_an_older_head_than_the_books_know_is_not_enough(house: House, opened: Opened) -> None:
    first = published(house)
    house.ledger.post(GIFT)
    house.sign()
    new = restored(house, opened, house.back_up().path)
    with pytest.raises(Refused) as refused:
        confirm(new, first)
    assert refused.value.codes == ["head_not_newest"]


def test_what_was_recorded_of_a_restore_stays(house: House, opened: Opened) -> None:
    from sqlalchemy import delete
    from sqlalchemy.exc import DBAPIError

    new = restored(house, opened, house.back_up().path)
    with pytest.raises(DBAPIError), unit_of_work(new.ledger.session) as work:
        work.execute(delete(Restoration))
    assert new.ledger.session.scalars(select(Restoration)).all()
