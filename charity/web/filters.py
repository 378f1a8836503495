"""Jinja filters and globals: how money, days, instants and files are written on a page.

Filters return plain text; what carries a machine value (``<data>``, ``<time>``) is a
macro in ``templates/macros``. No filter calculates with money.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path

from flask import Flask, current_app, has_request_context, request, url_for
from flask_babel import format_date, gettext, pgettext

from charity import names
from charity.money import capital_yuan, format_wan, format_yuan
from charity.periods import Month
from charity.web.context import settings
from charity.web.locale import language
from charity.web.prefix import SCRIPT_ROOT

MINUS = "\u2212"
_WAN_FEN = 1_000_000


def yuan(fen: int) -> str:
    """Return yuan with two decimals and thousands commas: ``1,234.50``, ``−1,234.50``."""
    return format_yuan(fen).replace("-", MINUS)


def money(fen: int) -> str:
    """Return an amount as it stands in a sentence: ``¥1,234.50``, ``−¥1,234.50``."""
    return f"{MINUS if fen < 0 else ''}¥{format_yuan(abs(fen))}"


def wan(fen: int) -> str:
    """Return a headline amount with its unit: 万元 from 10,000 yuan up, 元 below.

    In English it is millions from one million up, since nobody there counts in 万.
    """
    if language() == "en":
        if abs(fen) < 100 * _WAN_FEN:
            return money(fen)
        # A hundredth of a million is 万, so the digits of 万 shifted by two places.
        sign, hundredths = (MINUS if fen < 0 else ""), (abs(fen) + _WAN_FEN // 2) // _WAN_FEN
        return f"{sign}¥{hundredths // 100:,d}.{hundredths % 100:02d} million"
    if abs(fen) < _WAN_FEN:
        return str(gettext("%(amount)s yuan", amount=yuan(fen)))
    amount = format_wan(fen).replace("-", MINUS)
    return str(gettext("%(amount)s ten thousand yuan", amount=amount))


def capital(fen: int) -> str:
    """Return the amount in capital characters (大写金额)."""
    return capital_yuan(fen)


def day(value: date) -> str:
    """Return a date as it stands in tables: ``2026-06-05``."""
    return value.isoformat()


def day_long(value: date) -> str:
    """Return a date as it stands in a sentence: 2026年6月5日, June 5, 2026."""
    return str(format_date(value, "long", rebase=False))


def instant(value: datetime) -> str:
    """Return an instant in the org's zone to the minute: ``2026-06-05 09:30``."""
    return value.astimezone(settings().zone).strftime("%Y-%m-%d %H:%M")


def month(value: Month | int) -> str:
    """Return a month of the books in words; a stored code (``202603``) is understood.

    Month 13 is named 审计调整期 with its year.
    """
    known = value if isinstance(value, Month) else Month.from_code(value)
    if known.number == 13:
        return str(gettext("%(year)s audit adjustments", year=str(known.year)))
    number = f"{known.number:02d}" if language() == "en" else str(known.number)
    return str(gettext("%(year)s-%(month)s", year=str(known.year), month=number))


def months(first: int, last: int) -> str:
    """Return a run of months in words; Chinese names the year once: 2026年6月至7月."""
    if first == last:
        return month(first)
    one, other = Month.from_code(first), Month.from_code(last)
    end = month(other)
    if language() != "en" and one.year == other.year and other.number <= 12:
        end = str(gettext("%(month)s of the same year", month=str(other.number)))
    return str(gettext("%(first)s to %(last)s", first=month(one), last=end))


def hours(minutes: int) -> str:
    """Return service time in hours and minutes; zero is said as 0 min."""
    whole, rest = divmod(minutes, 60)
    if not whole:
        return str(gettext("%(minutes)s min", minutes=str(rest)))
    if not rest:
        return str(gettext("%(hours)s h", hours=f"{whole:,d}"))
    return str(gettext("%(hours)s h %(minutes)s min", hours=f"{whole:,d}", minutes=str(rest)))


def mask(name: str) -> str:
    """Return a person's name masked."""
    return names.mask_name(name)


def basis_points(value: int) -> str:
    """Return a share stored in basis points as a percentage: ``12.50%``."""
    sign, whole = (MINUS if value < 0 else ""), abs(value)
    return f"{sign}{whole // 100}.{whole % 100:02d}%"


def translated(message: str, context: str = "") -> str:
    """Return the translation of a message id that reaches the page as a value."""
    if not message:
        return ""
    return str(pgettext(context, message) if context else gettext(message))


def static_version(path: str) -> str:
    """Return the first 12 digits of the hash of a static file as it lies on the disk now.

    Raises:
        OSError: there is no such file.
    """
    file = Path(str(current_app.static_folder)) / path
    stat = file.stat()
    state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    known: dict[str, tuple[tuple[int, int, int], str]]
    known = current_app.extensions.setdefault("charity.static_hashes", {})
    if path not in known or known[path][0] != state:
        known[path] = (state, hashlib.sha256(file.read_bytes()).hexdigest()[:12])
    return known[path][1]


def static_url(path: str) -> str:
    """Return the address of a static file with the first 12 digits of its content hash.

    The address leaves out the org's prefix, so that a browser keeps one copy for all.
    """
    address = url_for("static", filename=path, v=static_version(path))
    if has_request_context() and SCRIPT_ROOT in request.environ:
        return str(request.environ[SCRIPT_ROOT]) + address[len(request.script_root) :]
    return address


def install(app: Flask) -> None:
    """Register the filters and globals above under their own names."""
    for function in (
        yuan,
        money,
        wan,
        capital,
        day,
        day_long,
        instant,
        month,
        hours,
        mask,
        basis_points,
        translated,
    ):
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals["static_url"] = static_url
