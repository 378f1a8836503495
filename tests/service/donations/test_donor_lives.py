"""Promises and the records of donors walked whole: every act in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from charity.donations import donors, pledges, service
from charity.donations.models import Donation, Donor, Pledge
from charity.donations.rules import Part
from charity.donations.service import DonorEntry, GiftEntry
from tests.gifts import TODAY, Office
from tests.support.walking import answer

pytestmark = pytest.mark.sqlite_only

#: State of a promise → answer to promising again by the same form, withdrawing it, and a gift that
#: names it.
PLEDGES = {
    "open": ("open", "withdrawn", "named"),
    "withdrawn": ("withdrawn", "pledge_ended", "pledge_unknown"),
}


@pytest.mark.parametrize("state", PLEDGES)
def test_every_act_on_a_promise_in_every_state(office: Office, state: str) -> None:
    zhang = DonorEntry("person", "张三", phone="13805341234")
    entry = pledges.PledgeEntry(zhang, 1_000, date(2026, 3, 1), date(2026, 12, 31))
    promise = {"pledge": entry, "on": TODAY, "key": "K1"}
    made = office.act(pledges.record_pledge, **promise)
    key, donor_id = made.id, made.donor_id
    withdraw = {"pledge_id": key, "reason": "捐赠人来函"}
    if state == "withdrawn":
        office.act(pledges.withdraw_pledge, **withdraw)
    gift = GiftEntry(zhang, 500, "bank", "B1", TODAY, donor_id=donor_id, parts=(Part("F2"),), pledge_id=key)
    own, clerk = office.session, office.clerk()

    def now() -> str:
        if own.scalar(select(Donation.id)) is not None:
            return "named" if own.scalar(select(Donation.pledge_id)) == key else "unnamed"
        return own.get_one(Pledge, (office.org_id, key)).state

    verbs: list[Callable[[], Any]] = [
        partial(pledges.record_pledge, own, actor=clerk, **promise),
        partial(pledges.withdraw_pledge, own, actor=clerk, **withdraw),
        partial(service.record_donation, own, actor=clerk, gift=gift, on=TODAY, key="K2"),
    ]
    assert tuple(answer(own, verb, now) for verb in verbs) == PLEDGES[state]


ACTS = ("merge", "merge back", "part", "keep apart", "edit")
#: State of two records of one giver → answer to each of ``ACTS`` on the first: which records stand
#: for themselves.
DONORS = {
    "two": ("second", "first", "donor_not_merged", "both", "both"),
    "merged": ("donor_merged", "donor_merged", "both", "second", "second"),
    "parted": ("second", "first", "donor_not_merged", "both", "both"),
    "kept apart": ("second", "first", "donor_not_merged", "both", "both"),
}


@pytest.mark.parametrize("state", DONORS)
def test_every_act_on_two_records_of_a_giver_in_every_state(office: Office, state: str) -> None:
    """Kept apart is no verdict for good: a person who knows better merges them all the same."""
    ids = []
    for phone in ("13805341234", "13905341234"):
        entry = DonorEntry("person", "张三", phone=phone)
        ids.append(office.act(donors.add_donor, donor=entry).id)
    first, second = ids
    why = {"reason": "本人电话确认"}
    if state in ("merged", "parted"):
        office.act(donors.merge_donors, donor_id=first, into_id=second, **why)
    if state == "parted":
        office.act(donors.part_donor, donor_id=first, **why)
    if state == "kept apart":
        office.act(donors.keep_distinct, donor_id=first, other_id=second, **why)
    own, clerk = office.session, office.clerk()
    own.rollback()
    version = own.get_one(Donor, (office.org_id, first), populate_existing=True).version
    edit = {"donor": DonorEntry("person", "张叁"), "publish_choice": "", "note": "", "on": TODAY}
    verbs: dict[str, Callable[[], Any]] = {
        "merge": partial(donors.merge_donors, own, actor=clerk, donor_id=first, into_id=second, **why),
        "merge back": partial(donors.merge_donors, own, actor=clerk, donor_id=second, into_id=first, **why),
        "part": partial(donors.part_donor, own, actor=clerk, donor_id=first, **why),
        "keep apart": partial(donors.keep_distinct, own, actor=clerk, donor_id=first, other_id=second, **why),
        "edit": partial(donors.edit_donor, own, actor=clerk, donor_id=first, version=version, **edit),
    }

    def now() -> str:
        roots = own.scalars(select(Donor.id).where(Donor.root_id == Donor.id, Donor.id.in_(ids))).all()
        return "both" if len(roots) == 2 else "first" if first in roots else "second"

    assert tuple(answer(own, verbs[act], now) for act in ACTS) == DONORS[state]
