"""Which account a file is from: told by its number or its balance, and never against them."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import update

from charity.db import Actor, transact
from charity.donations.judging import fingerprint
from charity.errors import Refused
from charity.imports import staging
from charity.ledger.models import MoneyPlace
from tests.gifts import Move, Office, Pay, bank_export, wechat_bill
from tests.support import source

SAMPLES = source.ROOT / "docs" / "samples"


def numbered(office: Office, place: str, number: str) -> None:
    """Put the number of an account on record at a place of money."""
    transact(
        lambda own: own.execute(
            update(MoneyPlace)
            .where(MoneyPlace.org_id == office.org_id, MoneyPlace.code == place)
            .values(number_hash=fingerprint(number), number_tail=number[-4:])
        ),
        session=office.session,
    )


#: An export that states the account ending in 0002.
ICBC = (SAMPLES / "icbc_new_202611.csv").read_bytes()


def test_a_file_of_another_account_is_not_booked_into_this_one(office: Office) -> None:
    """The file states an account; a place with another number on record is refused."""
    office.on = date(2026, 11, 30)
    numbered(office, "B1", "99990000000000000001")
    file = office.stage(ICBC)
    assert (file.place, file.own_tail) == ("", "0002")
    with pytest.raises(Refused) as refused:
        office.act(staging.choose_place, file_id=file.id, place="B1", on=office.on)
    assert refused.value.codes == ["import_place_other"]
    assert refused.value.problems[0].params["tail"] == "0002"
    with pytest.raises(Refused) as refused:
        office.stage(ICBC + b"\r\n", place="B1")
    assert refused.value.codes == ["import_place_other"]


def test_a_place_without_a_number_takes_a_file_that_states_one(office: Office) -> None:
    office.on = date(2026, 11, 30)
    assert office.stage(ICBC).place == "B1"


def test_a_file_without_a_number_goes_on_where_the_last_one_ended(office: Office) -> None:
    """B1 has a number, which the files of this bank never state: the balance tells whose they are."""
    numbered(office, "B1", "99990000000000000001")
    first = office.stage(bank_export([Move("5.00", "甲", "捐款", at="2026-03-10 10:00:00")], opening="10.00"))
    assert first.place == ""
    office.act(staging.choose_place, file_id=first.id, place="B1", on=office.on)
    following = bank_export([Move("6.00", "乙", "捐款", at="2026-03-11 10:00:00")], opening="15.00")
    assert office.stage(following, name="b.csv").place == "B1"
    gap = bank_export([Move("6.00", "丙", "捐款", at="2026-03-12 10:00:00")], opening="99.00")
    assert office.stage(gap, name="c.csv").place == ""


def test_a_file_is_set_aside_by_who_dropped_it_or_who_books(office: Office) -> None:
    file = office.stage(wechat_bill([Pay("41", "1.00")]))
    other = Actor(99, office.org_id, "何登记", frozenset({"imports.stage"}), office.at)
    with pytest.raises(Refused) as refused:
        transact(
            lambda own: staging.set_aside(own, actor=other, file_id=file.id, reason="不是我的"),
            session=office.session,
        )
    assert refused.value.codes == ["permission_missing"]
    booker = Actor(99, office.org_id, "孟会计", frozenset({"imports.stage", "imports.book"}), office.at)
    done = transact(
        lambda own: staging.set_aside(own, actor=booker, file_id=file.id, reason="拖错了"),
        session=office.session,
    )
    assert done.state == "cancelled"
