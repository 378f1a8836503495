"""The plan from a file, or by questions at the command line; both give what the page gives.

Imports click for the questions; no web framework.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click

from charity.errors import refuse
from charity.founding.usual import FUNDS, PLACES
from charity.places.rules import LEGAL_FORMS, QUALIFICATIONS


def read_file(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return what a TOML or JSON file says, and the list of units it names.

    Args:
        path: ends in ``.json`` for JSON; anything else is TOML.

    Raises:
        Refused: ``setup_file_unreadable``, ``setup_units_missing``.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise refuse("setup_file_unreadable", name=path.name, why=error) from error
    if not isinstance(data, dict):
        raise refuse("setup_file_unreadable", name=path.name, why="it holds no table")
    named = data.pop("units", "")
    if not named:
        return data, b""
    units = path.parent / str(named)
    if not units.is_file():
        raise refuse("setup_units_missing", name=named)
    return data, units.read_bytes()


def _text(label: str, default: str = "") -> str:
    """Ask for a text; an empty answer leaves it empty."""
    return str(click.prompt(label, default=default, show_default=bool(default)))


def _one_of(label: str, words: Mapping[str, str], default: str) -> str:
    """Ask for one of several words, each explained."""
    for code, meaning in words.items():
        click.echo(f"    {code:<20}{meaning}")
    return str(click.prompt(label, type=click.Choice(list(words)), default=default, show_choices=False))


def ask(today: date) -> tuple[dict[str, Any], bytes]:
    """Return the answers to every question of the set-up, and the list of units.

    Args:
        today: proposes the first day of the books.
    """
    click.echo("Organisation")
    org = {
        "name": click.prompt("  Full name (全称)"),
        "short_name": click.prompt("  Short name (简称)"),
        "name_en": _text("  English name"),
        "code": click.prompt("  Short code for numbers, capital letters and digits"),
        "slug": click.prompt("  Part of its addresses, small letters"),
        "credit_code": click.prompt("  Unified social credit code (统一社会信用代码)"),
        "legal_form": _one_of(
            "  Legal form", {str(code): text for code, text in LEGAL_FORMS.items()}, "association"
        ),
        "books_from": click.prompt("  First day of the books", default=f"{today.year}-01-01"),
    }
    data: dict[str, Any] = {"org": org, "qualifications": _ask_qualifications()}
    data["funds"] = _ask_funds()
    data["places"] = _ask_places()
    click.echo("Units (区划)")
    units = _text("  CSV list with codes and names, empty for none")
    click.echo("Two administrators; each gets a link to choose a password")
    data["administrators"] = [
        {
            "username": click.prompt(f"  {which}: login name"),
            "name": click.prompt(f"  {which}: name"),
            "email": _text(f"  {which}: mail address"),
            "phone": _text(f"  {which}: phone"),
        }
        for which in ("First", "Second")
    ]
    data |= _ask_site()
    return data, Path(units).read_bytes() if units else b""


def _ask_qualifications() -> list[dict[str, str]]:
    """Ask which qualifications the org has."""
    click.echo("Qualifications")
    return [
        {
            "kind": kind,
            "number": click.prompt("    Number"),
            "issued_by": _text("    Issued by"),
            "from_on": click.prompt("    First day"),
            "until_on": _text("    Last day, empty for none"),
        }
        for kind, meaning in QUALIFICATIONS.items()
        if click.confirm(f"  {meaning}?", default=False)
    ]


def _ask_funds() -> list[dict[str, str]]:
    """Ask for the paper of each usual fund; one without is left out."""
    click.echo("Funds; a restricted one rests on an agreement or resolution")
    found = []
    for usual in FUNDS:
        if usual["kind"] != "restricted":
            found.append(dict(usual))
            continue
        if click.confirm(f"  {usual['code']} {usual['name']}?", default=True):
            purpose = _text("    Purpose, as published", usual["purpose"])
            found.append(
                {**usual, "purpose": purpose, "document_ref": click.prompt("    Agreement or resolution")}
            )
    return found


def _ask_places() -> list[dict[str, str]]:
    """Ask for the number of each usual place of money; one without is left out."""
    click.echo("Places of money")
    found = []
    for usual in PLACES:
        if not click.confirm(
            f"  {usual['code']} {usual['name']}?", default=usual["kind"] in ("bank", "cash")
        ):
            continue
        row = dict(usual)
        if usual["kind"] != "cash":
            row["institution"] = _text("    Bank or platform", usual.get("institution", ""))
            row["number"] = _text("    Account or merchant number")
        found.append(row)
    return found


def _ask_site() -> dict[str, Any]:
    """Ask for address, time zone, mail server and gateway."""
    click.echo("Site")
    site: dict[str, Any] = {
        "public_url": click.prompt("  Public address", default="http://127.0.0.1:5000"),
        "zone": _text("  Time zone", "Asia/Shanghai"),
    }
    if site["public_url"].startswith("http://"):
        site["allow_http"] = click.confirm("  Does something in front of it encrypt (TLS)?", default=False)
    mail = {"url": _text("  Mail server (smtps://user:password@host:465), empty for none")}
    if mail["url"]:
        mail["sender"] = click.prompt("  Sender address")
    sms = {"url": _text("  Gateway for text messages (https://…), empty for none")}
    if sms["url"]:
        sms["token"] = str(click.prompt("  Token", default="", hide_input=True, show_default=False))
        sms["fields"] = _text("  Its fields for number and text", "phone,text")
        sms["format"] = _text("  json or form", "json")
    return {"site": site, "mail": mail, "sms": sms}
