"""What the office pages of the ledger share: the blueprint, arguments, names, papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from flask import Blueprint, abort, current_app, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor, db, transact
from charity.errors import Problem, Refused
from charity.ids import key_of
from charity.ledger.attachments import judge_paper, store_attachment
from charity.ledger.models import Draft
from charity.ledger.naming import BookNames, load_names
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.web.context import current_actor, settings
from charity.web.filters import yuan
from charity.web.locale import language
from charity.web.render import Sentence, problems_of

T = TypeVar("T")

#: Converter of an inner id in an address: what is larger is no id, and no integer of the database.
ID = "int(max=9223372036854775807)"
#: Converter of a voucher's number.
NUMBER = "int(max=9999999)"

blueprint = Blueprint("ledger", __name__, url_prefix="/office")


@blueprint.app_template_filter("file_size")
def file_size(size: int) -> str:
    """Return the size of a file for people: ``812 KB``, ``1.4 MB``."""
    if size < 1024 * 1024:
        return f"{max(1, (size + 1023) // 1024)} KB"
    tenths = (size * 10 + 512 * 1024) // (1024 * 1024)
    return f"{tenths // 10}.{tenths % 10} MB"


@blueprint.app_template_filter("unsigned")
def unsigned(fen: int) -> str:
    """Return yuan without sign, for a balance whose side stands beside it."""
    return yuan(abs(fen))


def reading() -> Session:
    """Return the request's session, for reading."""
    return db.session()


def is_english() -> bool:
    """Say whether the reader is shown English."""
    return language() == "en"


def names_of(actor: Actor) -> BookNames:
    """Return what the codes of the actor's books are called, in the reader's language."""
    return load_names(reading(), actor.org_id, is_english=is_english())


def month_or_404(text: str) -> Month:
    """Return the month of an address part; there is no page for what is none."""
    try:
        return Month.parse(text)
    except Refused:
        abort(404)


def month_or_none(text: str) -> Month | None:
    """Return the month of a filter; None when it is empty or none."""
    try:
        return Month.parse(text)
    except Refused:
        return None


def voucher_or_404(actor: Actor, month: str, word: str, number: int) -> int:
    """Return the id of a posted voucher by its number; 404 where there is none."""
    found = reading().scalar(
        select(Voucher.id).where(
            Voucher.org_id == actor.org_id,
            Voucher.month == month_or_404(month).code,
            Voucher.word == word,
            Voucher.number == number,
        )
    )
    if found is None:
        abort(404)
    return int(found)


def draft_or_404(actor: Actor, draft_id: int) -> Draft:
    """Return a draft of the actor's books; 404 where there is none."""
    row = reading().get(Draft, (actor.org_id, draft_id))
    if row is None:
        abort(404)
    return row


def voucher_url(month: Month | int, word: str, number: int, endpoint: str = "ledger.voucher") -> str:
    """Return the address of a posted voucher's page."""
    known = month if isinstance(month, Month) else Month.from_code(month)
    return url_for(endpoint, month=str(known), word=word, number=number)


def act(work: Callable[[Session], T]) -> tuple[T | None, tuple[Sentence, ...]]:
    """Run one act; return its result, or None and the sentences of its refusal."""
    try:
        return transact(work), ()
    except Refused as refused:
        return None, tuple(problems_of(refused))


def ids_given(name: str = "ids", limit: int = 500) -> list[int]:
    """Return the inner ids a list's form sends, each once, at most ``limit``."""
    found = map(key_of, request.form.getlist(name))
    return list(dict.fromkeys(key for key in found if key is not None))[:limit]


def keep_papers(actor: Actor) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Store the files that came with the form; return the hashes of all its papers.

    Files are kept before anything else is judged, so that a refused voucher does not ask
    for them a second time. What cannot be kept is named, the others stay. A file is looked
    through before the transaction that stores it, which holds up everybody else's.
    """
    dropped = set(request.form.getlist("drop"))
    found = [sha256 for sha256 in request.form.getlist("attachments") if sha256 not in dropped]
    problems: list[Problem] = []
    for file in request.files.getlist("files"):
        if not file.filename:
            continue
        data = file.read()
        try:
            kind = judge_paper(data, file.filename)
            keep = partial(
                store_attachment,
                actor=actor,
                data=data,
                name=file.filename,
                media_type=kind,
                data_dir=settings().data_dir,
            )
            found.append(transact(keep))
        except Refused as refused:
            problems += refused.problems
    return tuple(dict.fromkeys(found)), tuple(problems)


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a filter's list.

    Attributes:
        value: what the address carries.
        label: what is shown.
        is_chosen: whether it is the present one.
    """

    value: str
    label: str
    is_chosen: bool


def options(pairs: Iterable[tuple[str, str]], chosen: str, first: str = "") -> tuple[Option, ...]:
    """Return a filter's list; ``first`` is the label of the empty choice, if there is one."""
    found = [Option("", first, not chosen)] if first else []
    return (*found, *(Option(value, label, value == chosen) for value, label in pairs))


def fund_options(names: BookNames, chosen: str) -> tuple[Option, ...]:
    """Return the funds as a filter's list."""
    return options(names.funds.items(), chosen, str(_("all funds")))


def month_options(months: Sequence[Month], chosen: str, first: str = "") -> tuple[Option, ...]:
    """Return months as a filter's list."""
    named = current_app.jinja_env.filters["month"]
    return options(((str(month), named(month)) for month in months), chosen, first)


def me() -> Actor:
    """Return who asks."""
    return current_actor()
