"""The office pages of staged files, gathered: the blueprint, its entry, what waits."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_
from charity.imports import booking, column_routes, decision_routes, file_routes, original_routes, queries
from charity.imports.common_routes import blueprint
from charity.web import desk, navigation
from charity.web.context import settings

#: Modules whose import puts their pages on the blueprint.
PAGES = (file_routes, decision_routes, column_routes, original_routes)

navigation.register(
    "office", "imports.files", N_("Files in"), permission="imports.read", order=5, group="money_in"
)


def _waiting(session: Session, actor: Actor) -> list[desk.Waiting]:
    """Tell the overview how many files and rows wait."""
    if not actor.may("imports.book"):
        return []
    files, rows = queries.count_waiting(session, actor.org_id)
    if not files:
        return []
    detail = ngettext("%(num)s row waits for a decision", "%(num)s rows wait for a decision", rows)
    return [desk.Waiting(_("Files to book"), url_for("imports.files"), files, detail if rows else "")]


desk.register("imports", _waiting, order=10)
booking.use_data_dir(lambda: settings().data_dir)

__all__ = ["PAGES", "blueprint"]
