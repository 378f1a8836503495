"""The page by which anybody reports an error in the public figures."""

from __future__ import annotations

from dataclasses import dataclass

from flask.typing import ResponseReturnValue

from charity.db import db
from charity.disclosure.common_routes import blueprint, named
from charity.places.queries import org_facts
from charity.web.access import public
from charity.web.cache import cached_by
from charity.web.context import current_org
from charity.web.render import render


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Page: ``/contact``.

    Attributes:
        org_name: whose books they are.
        phone, mail: as the office entered them; may be empty.
    """

    org_name: str
    phone: str
    mail: str


@blueprint.get("/contact")
@public
@cached_by()
def contact() -> ResponseReturnValue:
    """Tell anybody who found an error whom to tell, and what becomes of it."""
    org = current_org()
    facts = org_facts(db.session(), org.id)
    phone, mail = (facts.contact_phone, facts.contact_mail) if facts else ("", "")
    return render("disclosure/contact.html", ContactPage(named(org.name, org.name_en), phone, mail))
