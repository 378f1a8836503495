"""The pages of receipts, gathered: blueprint, navigation, what the job needs to know."""

from __future__ import annotations

from charity.errors import N_
from charity.receipts import batches, desk_routes, invoice_routes, public_routes
from charity.receipts.common_routes import blueprint, press
from charity.web import navigation

#: Modules whose import puts their pages on the blueprint.
PAGES = (desk_routes, invoice_routes, public_routes)

batches.use_press(press)

_READ = "donations.read"
navigation.register("office", "receipts.receipts", N_("Receipts"), _READ, order=40, group="money_in")
navigation.register(
    "office", "receipts.missing", N_("Gifts without receipt"), _READ, order=42, group="money_in"
)
navigation.register(
    "office", "receipts.invoices_list", N_("Official invoices"), _READ, order=44, group="money_in"
)
navigation.register("public", "receipts.lookup", N_("Find your gift"), order=60)
navigation.register("public", "receipts.verify", N_("Verify a receipt"), order=70)

__all__ = ["PAGES", "blueprint"]
