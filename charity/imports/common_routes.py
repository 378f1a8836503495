"""What the pages of staged files share: the blueprint, finding or 404, one act on a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort
from sqlalchemy.orm import Session

from charity.db import Actor, db, transact
from charity.errors import Refused
from charity.imports import queries
from charity.imports.models import ImportFile
from charity.web.context import current_actor
from charity.web.render import Sentence, problems_of

#: Numbers of people and accounts inside a cell: pages show their ends only.
_NUMBERS = re.compile(r"(?<!\w)\+?[\dXx]{11,19}(?!\w)")

blueprint = Blueprint("imports", __name__, url_prefix="/office/imports")


def reading_session() -> Session:
    """Return the request's session, for reading."""
    return db.session()


def me() -> Actor:
    """Return who asks."""
    return current_actor()


def file_or_404(number: str) -> ImportFile:
    """Return a file of the reader's org by number."""
    found = queries.find_file(reading_session(), me().org_id, number.strip().upper())
    if found is None:
        abort(404)
    return found


def act(number: str, verb: Callable[..., Any], **values: Any) -> tuple[ImportFile, tuple[Sentence, ...]]:
    """Run one act on a file; return the file and the sentences of a refusal."""
    file_id = file_or_404(number).id
    try:
        transact(lambda session: verb(session, actor=me(), file_id=file_id, **values))
    except Refused as refused:
        return file_or_404(number), tuple(problems_of(refused))
    return file_or_404(number), ()


def hide_numbers(text: str) -> str:
    """Return a text in which long numbers show their first three and last four digits only."""
    return _NUMBERS.sub(lambda found: f"{found[0][:3]}****{found[0][-4:]}", text)
