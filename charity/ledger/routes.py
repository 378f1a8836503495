"""The office pages of the ledger, gathered: the blueprint, and the entries of the navigation."""

from __future__ import annotations

from charity.errors import N_
from charity.ledger import (
    batch_routes,
    batches,
    book_routes,
    correction_routes,
    desk_routes,
    draft_routes,
    fund_routes,
    month_routes,
    opening_routes,
    queue_routes,
    setup_routes,
    step_routes,
    voucher_routes,
)
from charity.ledger.common_routes import blueprint
from charity.web import navigation

#: Modules whose import puts their pages on the blueprint.
PAGES = (
    batch_routes,
    book_routes,
    correction_routes,
    desk_routes,
    draft_routes,
    fund_routes,
    month_routes,
    opening_routes,
    queue_routes,
    setup_routes,
    step_routes,
    voucher_routes,
)

#: Imported for the job it registers: the worker beside the server posts released batches.
JOBS = (batches,)

_TODAY, _BOOKS, _SETTINGS = "today", "books", "settings"
for _endpoint, _label, _permission, _order, _group in (
    ("ledger.new_draft", N_("New voucher"), "ledger.draft", 10, _TODAY),
    ("ledger.review", N_("To review"), "ledger.review", 12, _TODAY),
    ("ledger.sign", N_("To sign as cashier"), "ledger.sign", 14, _TODAY),
    ("ledger.post", N_("To post"), "ledger.post", 16, _TODAY),
    ("ledger.drafts", N_("Drafts"), "ledger.read", 20, _BOOKS),
    ("ledger.vouchers", N_("Vouchers"), "ledger.read", 22, _BOOKS),
    ("ledger.funds", N_("Funds"), "ledger.read", 24, _BOOKS),
    ("ledger.holds", N_("Money set aside"), "ledger.read", 26, _BOOKS),
    ("ledger.trial_balance", N_("Trial balance"), "ledger.read", 28, _BOOKS),
    ("ledger.months", N_("Months"), "ledger.read", 30, _BOOKS),
    ("ledger.chart", N_("Chart of accounts"), "ledger.read", 40, _BOOKS),
    ("ledger.setup_funds", N_("Funds and earmarks"), "ledger.read", 42, _SETTINGS),
    ("ledger.setup_places", N_("Places of money"), "ledger.read", 44, _SETTINGS),
    ("ledger.setup_tags", N_("Projects and designations"), "ledger.read", 46, _SETTINGS),
    ("ledger.setup_dimensions", N_("Own dimensions"), "ledger.read", 48, _SETTINGS),
    ("ledger.setup_rules", N_("Posting rules"), "ledger.read", 50, _SETTINGS),
    ("ledger.setup_years", N_("Years of books"), "ledger.read", 52, _SETTINGS),
    ("ledger.opening", N_("Books from another system"), "ledger.read", 54, _SETTINGS),
):
    navigation.register("office", _endpoint, _label, permission=_permission, order=_order, group=_group)

__all__ = ["JOBS", "PAGES", "blueprint"]
