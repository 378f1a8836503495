"""What the public pages share: the blueprint, and what every page says about its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _

from charity.disclosure.queries import Standing
from charity.web.context import current_org
from charity.web.filters import day_long
from charity.web.filters import month as month_text
from charity.web.locale import language

blueprint = Blueprint("disclosure", __name__)


@dataclass(frozen=True, slots=True)
class Head:
    """What every public page says about its figures.

    Attributes:
        as_of: day of the last posted voucher, in words; a sentence when there is none.
        scope: whose books.
        closed: the last closed month, in words; empty before the first.
        year: the year shown.
    """

    as_of: str
    scope: str
    closed: str
    year: int


def head_of(standing: Standing) -> Head:
    """Return what a page says about its figures."""
    org = current_org()
    name = org.name_en or org.name if language() == "en" else org.name
    return Head(
        as_of=day_long(standing.last_on) if standing.last_on else _("nothing is posted yet"),
        scope=_("%(org)s’s own books", org=name),
        closed=month_text(standing.closed_month) if standing.closed_month else "",
        year=standing.year,
    )


def named(name: str, name_en: str) -> str:
    """Return a name kept in two languages in that of the page."""
    return name_en if language() == "en" and name_en else name


def file_about(standing: Standing) -> dict[str, Any]:
    """Return what a file says of all its figures: whose books, and up to which day."""
    org = current_org()
    as_of = standing.last_on.isoformat() if standing.last_on else None
    return {"org": org.code, "org_name": org.name, "as_of": as_of}


def files_of(endpoint: str, **values: Any) -> tuple[tuple[str, str], ...]:
    """Return the addresses of a table's files, with the same filter."""
    return tuple(
        (name, url_for(endpoint, fmt=fmt, **values)) for name, fmt in (("CSV", "csv"), ("JSON", "json"))
    )
