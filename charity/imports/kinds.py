"""What the engine gets from above: who judges and books the rows of a form, who keeps bytes.

Values and registers only. A feature above registers a :class:`Booker` for the forms it
understands; the engine calls it inside its own transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import Problem
from charity.intake.rows import IncomingRow


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a judge and a booker need to know of a file.

    Attributes:
        id: key of the staged file; 0 for a trial run that stores nothing.
        public_no: its number, for papers that name it.
        sha256: of its bytes.
        form: what it was recognised as.
        place: code of its place of money; empty while unknown.
        references: given row references, returns those that stand in this file itself as
            (reference → row number of the first payment with it).
    """

    id: int
    public_no: str
    sha256: str
    form: str
    place: str
    references: Callable[[Collection[str]], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge says of one row.

    Attributes:
        verdict: a key of ``rules.VERDICTS``.
        reason: a registered problem code that says why; empty when it speaks for itself.
        params: values of the reason's sentence.
        target: where it would go, in codes.
    """

    verdict: str
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""


@dataclass(frozen=True, slots=True)
class RowToBook:
    """A row with what is to be done with it.

    Attributes:
        row: as read.
        action: a key of ``rules.ACTIONS``, never ``skip``.
        params: what a person added to the decision, e.g. ``fee_fen``.
        is_decided: whether a person chose the action.
    """

    row: IncomingRow
    action: str
    params: Mapping[str, Any]
    is_decided: bool


@dataclass(frozen=True, slots=True)
class Booked:
    """What a row became: kind of event and its key."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class Link:
    """The page of what a row became.

    Attributes:
        label: its number, as people say it; empty for one without.
        endpoint: of the page.
        values: arguments of the page's address.
        state: how far its voucher is: ``undrafted``, ``drafted`` or ``posted``; empty where the
            feature does not say.
    """

    label: str
    endpoint: str
    values: Mapping[str, Any]
    state: str = ""


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """A place of money a file may be from.

    Attributes:
        code: its code.
        label: name for people.
        is_match: whether the file's own account number, or there being no other, says it.
        is_other: whether the file states a number, and this place has another one on record.
        is_numbered: whether the place has a number on record.
    """

    code: str
    label: str
    is_match: bool
    is_other: bool = False
    is_numbered: bool = False


@dataclass(frozen=True, slots=True)
class Booker:
    """How one feature judges and books the rows of its forms.

    Attributes:
        name: of the feature.
        judge: ``(session, org_id, on, file, rows)`` → one judgement a row, in order; reads only.
        book: ``(session, actor, on, file, rows)`` → what each row became, or the problem
            that parks it, in order; all in the caller's transaction.
        finish: ``(session, actor, on, file)`` → how many events were worked on; called in
            a transaction of its own until it answers 0, after all rows are booked.
        places: ``(session, org_id, form, own_hash)`` → places to choose from; ``own_hash`` is the
            fingerprint of the number the file states, empty where it states none.
        links: ``(session, org_id, events)`` → event → its page, for those that have one.
        vouchers: ``(session, org_id, file_id)`` → the vouchers made from a file, drafts included.
        names: ``(session, org_id, targets)`` → target of a judgement → its name for people.
        fingerprint: number of an account → what a place of money keeps of it, to compare.
        phases: actions in the order in which rows are booked; ``finish`` runs after each.
    """

    name: str
    judge: Callable[[Session, int, date, FileFacts, Sequence[IncomingRow]], list[Judgement]]
    book: Callable[[Session, Actor, date, FileFacts, Sequence[RowToBook]], list[Booked | Problem]]
    finish: Callable[[Session, Actor, date, FileFacts], int]
    places: Callable[[Session, int, str, str], list[PlaceChoice]]
    links: Callable[[Session, int, Sequence[Booked]], Mapping[Booked, Link]]
    vouchers: Callable[[Session, int, int], Sequence[Link]]
    names: Callable[[Session, int, Collection[str]], Mapping[str, str]]
    fingerprint: Callable[[str], str]
    phases: Sequence[Sequence[str]]


class FileStore(Protocol):
    """Where bytes are kept: the ledger's store of source documents."""

    def keep(self, session: Session, *, actor: Actor, data: bytes, name: str, data_dir: Path) -> str:
        """Keep bytes and return their SHA-256."""

    def read(self, session: Session, *, org_id: int, sha256: str, data_dir: Path) -> bytes:
        """Return kept bytes."""


_bookers: dict[str, Booker] = {}
_stores: list[FileStore] = []


def register_kind(forms: Sequence[str], booker: Booker) -> None:
    """Register who books files of these forms; called by features at import.

    Raises:
        ValueError: another feature books one of them.
    """
    for form in forms:
        if _bookers.setdefault(form, booker).name != booker.name:
            raise ValueError(f"two features book files of the form {form}")
        _bookers[form] = booker


def booker_of(form: str) -> Booker | None:
    """Return who books files of a form; None when nobody does."""
    return _bookers.get(form)


def register_store(store: FileStore) -> None:
    """Register where bytes are kept; the last one registered counts."""
    _stores[:] = [store]


def file_store() -> FileStore:
    """Return where bytes are kept.

    Raises:
        RuntimeError: no feature has registered a store.
    """
    if not _stores:
        raise RuntimeError("no feature has registered a store for imported files")
    return _stores[0]
