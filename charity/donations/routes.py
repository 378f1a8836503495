"""The office pages of gifts, gathered: the blueprint, the booker of files, the entries of the navigation."""

from __future__ import annotations

from charity.donations import (
    bookers,
    desk_routes,
    donor_routes,
    gift_routes,
    pledge_routes,
    purpose_routes,
    slip_routes,
)
from charity.donations.common_routes import blueprint
from charity.errors import N_
from charity.web import navigation

#: Modules whose import puts their pages on the blueprint.
PAGES = (desk_routes, donor_routes, gift_routes, pledge_routes, purpose_routes, slip_routes)

#: Imported so that whatever serves pages knows who books dropped files and where they are kept.
BOOKER = bookers.BOOKER

_READ, _RECORD = "donations.read", "donations.record"
for _endpoint, _label, _permission, _order in (
    ("donations.gifts", N_("Gifts"), _READ, 10),
    ("donations.new_gift", N_("New gift"), _RECORD, 12),
    ("donations.slips", N_("Pile of slips"), _RECORD, 14),
    ("donations.unclear", N_("Unclear purposes"), _RECORD, 16),
    ("donations.words", N_("Learned words"), _RECORD, 18),
    ("donations.unidentified", N_("Unclaimed money"), _READ, 20),
    ("donations.donor_list", N_("Donors"), _READ, 30),
    ("donations.duplicates", N_("Likely duplicates"), _RECORD, 32),
    ("donations.pledge_list", N_("Promises"), _READ, 34),
):
    navigation.register("office", _endpoint, _label, permission=_permission, order=_order, group="money_in")

__all__ = ["BOOKER", "PAGES", "blueprint"]
