"""What a federation begins with, as one value: read from a file, from questions, from the page.

Pure but for the words of other features. The keys of the file, of the page's fields and of
the problems' places are the same, so that a sentence finds its field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from charity.config import UnsafeSettings, is_local
from charity.errors import N_, Problem, Refused, register
from charity.messages.addresses import parse_email, parse_phone
from charity.messages.delivery import parse_server
from charity.messages.gateway import parse_gateway
from charity.names import clean_line
from charity.periods import parse_date
from charity.places.rules import LEGAL_FORMS, QUALIFICATIONS, check_slug
from charity.users.credentials import check_username, fold_username

PROBLEMS = register(
    {
        "setup_code_refused": N_(
            "This is not the set-up code. The server prints it when this page is opened first; flask setup "
            "--code prints it again."
        ),
        "setup_file_unreadable": N_("%(name)s cannot be read: %(why)s"),
        "setup_missing": N_("This must be filled in."),
        "setup_units_missing": N_("The list of units %(name)s is not there; paths are beside the file."),
        "setup_too_long": N_("Write at most %(limit)s characters."),
        "setup_choice": N_("“%(text)s” is none of %(words)s."),
        "setup_code_wrong": N_("Use letters, digits, hyphen, point and underscore only, at most 20."),
        "setup_twice": N_("“%(text)s” stands twice."),
        "setup_unknown_key": N_("“%(key)s” is not known here; see docs/setup.md."),
        "setup_not_text": N_("This must be a text, a day or true or false."),
        "setup_general_fund": N_("One fund is general money; name exactly one of that kind."),
        "setup_main_place": N_("One bank account is the main one; mark exactly one."),
        "setup_two_administrators": N_(
            "Name two administrators with a login name each: roles are given by one to "
            "another, never to oneself."
        ),
        "setup_contact_missing": N_(
            "Write a mail address or a phone number, so that the person can be reached."
        ),
        "setup_http": N_(
            "This address is plain http outside an office network: passwords would be "
            "readable on the way. Use "
            "https, or state that something in front of it encrypts."
        ),
        "setup_address": N_("Write a whole address, like https://ledger.example.org."),
        "setup_zone": N_("“%(text)s” is not a time zone; write one like Asia/Shanghai."),
        "setup_mail_url": N_("Write the mail server like smtps://user:password@mail.example.org:465."),
        "setup_sms_url": N_(
            "Write the gateway like https://sms.example.org/send, its two fields like mobile,content, its "
            "format as json or form."
        ),
        "setup_dates": N_("The last day lies before the first."),
    }
)

FUND_KINDS = ("restricted", "general", "agency")
#: Kind of a place → (account of own money, account of agency money).
PLACE_ACCOUNTS = {
    "bank": ("1002", "100291"),
    "merchant": ("100901", "100991"),
    "cash": ("1001", "100191"),
    "transit": ("100902", ""),
}
#: Colour of a fund on pages → its name.
COLOUR_NAMES = {
    "emergency": N_("vermilion"),
    "medical": N_("teal"),
    "development": N_("ochre"),
    "general": N_("slate"),
}
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,19}")
_ORG_CODE = re.compile(r"[A-Z0-9]{2,12}")

#: Part of the plan → key → (is required, longest text); a key with 0 is a day, with −1 a yes or no.
KEYS: Mapping[str, Mapping[str, tuple[bool, int]]] = {
    "org": {
        "name": (True, 80),
        "short_name": (True, 20),
        "name_en": (False, 120),
        "code": (True, 12),
        "slug": (True, 30),
        "credit_code": (True, 30),
        "legal_form": (True, 16),
        "books_from": (True, 0),
    },
    "qualifications": {
        "kind": (True, 20),
        "number": (True, 80),
        "issued_by": (False, 80),
        "from_on": (True, 0),
        "until_on": (False, 0),
    },
    "funds": {
        "code": (True, 20),
        "name": (True, 80),
        "name_en": (True, 120),
        "kind": (True, 12),
        "purpose": (True, 2000),
        "purpose_en": (False, 2000),
        "document_ref": (False, 120),
        "colour": (False, 20),
    },
    "places": {
        "code": (True, 20),
        "name": (True, 120),
        "kind": (True, 10),
        "institution": (False, 80),
        "number": (False, 60),
        "holds_agency": (False, -1),
        "is_main": (False, -1),
    },
    "administrators": {
        "username": (True, 40),
        "name": (True, 80),
        "email": (False, 200),
        "phone": (False, 30),
    },
    "mail": {"url": (False, 300), "sender": (False, 200)},
    "sms": {
        "url": (False, 300),
        "token": (False, 300),
        "fields": (False, 60),
        "format": (False, 4),
    },
    "site": {"public_url": (True, 200), "zone": (False, 40), "allow_http": (False, -1)},
}
#: Parts of which there are several.
LISTS = ("qualifications", "funds", "places", "administrators")

Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a federation begins with; each part a mapping of clean values by key.

    Attributes:
        org: name, code, legal form …; ``books_from`` is the first day of its books.
        qualifications, funds, places, administrators: in the order given.
        mail, sms, site: settings; what is empty stays as it is.
    """

    org: Cells
    qualifications: tuple[Cells, ...]
    funds: tuple[Cells, ...]
    places: tuple[Cells, ...]
    administrators: tuple[Cells, ...]
    mail: Cells = field(default_factory=dict, repr=False)
    sms: Cells = field(default_factory=dict, repr=False)
    site: Cells = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """Return the settings to be kept, by their names."""
        return {
            "PUBLIC_URL": str(self.site["public_url"]).rstrip("/"),
            "CHARITY_ALLOW_HTTP": "1" if self.site["allow_http"] else "",
            "CHARITY_ZONE": self.site["zone"],
            "SMTP_URL": self.mail["url"],
            "MAIL_FROM": self.mail["sender"],
            "SMS_URL": self.sms["url"],
            "SMS_TOKEN": self.sms["token"],
            "SMS_FIELDS": self.sms["fields"] if self.sms["url"] else "",
            "SMS_FORMAT": self.sms["format"] if self.sms["url"] else "",
        }


def read_plan(data: Mapping[str, Any], reserved: frozenset[str], *, is_demo: bool) -> Plan:
    """Return the plan of a file or form.

    Args:
        data: part → mapping, or list of mappings, of texts, days and yes or no.
        reserved: first parts of addresses the site itself uses.
        is_demo: whether plain http is allowed anywhere, because nothing real is in it.

    Raises:
        Refused: everything that is wrong, each with its place, e.g. ``funds-0-code``.
    """
    problems = [Problem("setup_unknown_key", {"key": key}, key) for key in data if key not in KEYS]
    parts: dict[str, Any] = {}
    for part in KEYS:
        given = data.get(part, [] if part in LISTS else {})
        rows = list(given) if isinstance(given, Sequence) and part in LISTS else [given]
        found = []
        for number, row in enumerate(rows):
            where = f"{part}-{number}" if part in LISTS else part
            values, more = _read_part(part, row if isinstance(row, Mapping) else {}, where)
            found.append(values)
            problems += more
        parts[part] = tuple(found) if part in LISTS else found[0]
    plan = Plan(**parts)
    if not problems:
        problems = [*_check_org(plan, reserved), *_check_books(plan), *_check_people(plan)]
        problems += _check_site(plan, is_demo=is_demo)
    if problems:
        raise Refused(*problems)
    return plan


def _read_part(part: str, row: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[Problem]]:
    """Return the clean values of one part, and what is wrong with them."""
    keys = KEYS[part]
    problems = [
        Problem("setup_unknown_key", {"key": key}, f"{where}-{key}") for key in row if key not in keys
    ]
    values: dict[str, Any] = {}
    for key, (is_required, limit) in keys.items():
        given = row.get(key)
        place = f"{where}-{key}"
        if isinstance(given, (Mapping, list)):
            problems.append(Problem("setup_not_text", {}, place))
            given = None
        if limit == -1:
            values[key] = given if isinstance(given, bool) else str(given or "").lower() in ("1", "true", "y")
            continue
        if given in (None, ""):
            values[key] = None if limit == 0 else ""
            if is_required:
                problems.append(Problem("setup_missing", {}, place))
        elif limit == 0:
            values[key], more = _day(given, place)
            problems += more
        else:
            # A purpose may have several lines; everything else is one.
            text = str(given).strip() if limit >= 2000 else clean_line(str(given), limit + 1)
            values[key] = text
            if len(text) > limit:
                problems.append(Problem("setup_too_long", {"limit": limit}, place))
    return values, problems


def _day(given: Any, place: str) -> tuple[date | None, list[Problem]]:
    """Return a day, written or already read."""
    if isinstance(given, date):
        return given, []
    try:
        return parse_date(str(given)), []
    except Refused as refused:
        return None, [Problem(refused.problems[0].code, refused.problems[0].params, place)]


def _choice(value: str, words: Sequence[str], place: str) -> list[Problem]:
    """Return whether a word is none of those known."""
    if value in words:
        return []
    return [Problem("setup_choice", {"text": value, "words": ", ".join(words)}, place)]


def _check_org(plan: Plan, reserved: frozenset[str]) -> list[Problem]:
    """Return what is wrong with the org and its qualifications."""
    problems = _choice(plan.org["legal_form"], tuple(LEGAL_FORMS), "org-legal_form")
    if not _ORG_CODE.fullmatch(plan.org["code"]):
        problems.append(Problem("setup_code_wrong", {}, "org-code"))
    problems += [Problem(p.code, p.params, "org-slug") for p in check_slug(plan.org["slug"], reserved)]
    for number, row in enumerate(plan.qualifications):
        problems += _choice(row["kind"], tuple(QUALIFICATIONS), f"qualifications-{number}-kind")
        if row["until_on"] and row["until_on"] < row["from_on"]:
            problems.append(Problem("setup_dates", {}, f"qualifications-{number}-until_on"))
    return problems


def _codes(part: str, rows: Sequence[Cells]) -> list[Problem]:
    """Return codes that are none, or stand twice."""
    problems, seen = [], set()
    for number, row in enumerate(rows):
        place = f"{part}-{number}-code"
        if not _CODE.fullmatch(row["code"]):
            problems.append(Problem("setup_code_wrong", {}, place))
        if row["code"] in seen:
            problems.append(Problem("setup_twice", {"text": row["code"]}, place))
        seen.add(row["code"])
    return problems


def _check_books(plan: Plan) -> list[Problem]:
    """Return what is wrong with funds and places of money."""
    problems = _codes("funds", plan.funds) + _codes("places", plan.places)
    for number, row in enumerate(plan.funds):
        problems += _choice(row["kind"], FUND_KINDS, f"funds-{number}-kind")
        if row["colour"]:
            problems += _choice(row["colour"], tuple(COLOUR_NAMES), f"funds-{number}-colour")
        # A restricted fund rests on a paper: an agreement or a resolution.
        if row["kind"] == "restricted" and not row["document_ref"]:
            problems.append(Problem("setup_missing", {}, f"funds-{number}-document_ref"))
    if [row["kind"] for row in plan.funds].count("general") != 1:
        problems.append(Problem("setup_general_fund", {}, "funds-0-kind" if plan.funds else ""))
    for number, row in enumerate(plan.places):
        problems += _choice(row["kind"], tuple(PLACE_ACCOUNTS), f"places-{number}-kind")
    if [row["kind"] for row in plan.places if row["is_main"]] != ["bank"]:
        problems.append(Problem("setup_main_place", {}, "places-0-is_main" if plan.places else ""))
    return problems


def _check_people(plan: Plan) -> list[Problem]:
    """Return what is wrong with the two administrators."""
    problems: list[Problem] = []
    names = [fold_username(row["username"]) for row in plan.administrators]
    if len(names) != 2 or len(set(names)) != 2:
        return [Problem("setup_two_administrators", {}, "administrators-1-username" if names else "")]
    for number, row in enumerate(plan.administrators):
        place = f"administrators-{number}"
        problems += [Problem(p.code, p.params, f"{place}-username") for p in check_username(names[number])]
        if not (row["email"] or row["phone"]):
            problems.append(Problem("setup_contact_missing", {}, f"{place}-email"))
        for key, parse in (("email", parse_email), ("phone", parse_phone)):
            try:
                if row[key]:
                    parse(row[key])
            except Refused as refused:
                problems.append(
                    Problem(refused.problems[0].code, refused.problems[0].params, f"{place}-{key}")
                )
    return problems


def check_address(url: str, *, allows_http: bool) -> list[Problem]:
    """Return why a public address is unsafe or none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [Problem("setup_address", {}, "site-public_url")]
    if parts.scheme == "http" and not is_local(parts.hostname) and not allows_http:
        return [Problem("setup_http", {}, "site-public_url")]
    return []


def _check_site(plan: Plan, *, is_demo: bool) -> list[Problem]:
    """Return what is wrong with address, time zone, mail server and gateway."""
    problems = check_address(plan.site["public_url"], allows_http=plan.site["allow_http"] or is_demo)
    try:
        ZoneInfo(plan.site["zone"] or "Asia/Shanghai")
    except (ZoneInfoNotFoundError, ValueError):
        problems.append(Problem("setup_zone", {"text": plan.site["zone"]}, "site-zone"))
    try:
        if plan.mail["url"]:
            parse_server(plan.mail["url"])
    except UnsafeSettings:
        problems.append(Problem("setup_mail_url", {}, "mail-url"))
    try:
        if plan.sms["url"]:
            sms = plan.sms
            parse_gateway(sms["url"], sms["token"], sms["fields"] or "phone,text", sms["format"] or "json")
    except UnsafeSettings:
        problems.append(Problem("setup_sms_url", {}, "sms-url"))
    return problems
