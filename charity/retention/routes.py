"""Pages of retention: what is kept until when, and legal holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from charity.db import db
from charity.errors import N_
from charity.retention import queries, rules, service
from charity.retention.forms import HoldForm, ReleaseForm
from charity.retention.models import LegalHold
from charity.web import navigation
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import current_actor, today
from charity.web.filters import translated
from charity.web.render import FileColumn, exports, render, table_rule

blueprint = Blueprint("retention", __name__)

navigation.register(
    "office", "retention.classes", N_("Retention periods"), "retention.read", order=60, group="books"
)

#: Standing → (state for its colour, word).
_STANDINGS = {
    "kept": ("ok", N_("must be kept")),
    "held": ("warn", N_("on legal hold")),
    "may_go": ("info", N_("may go")),
}


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class in the reader's language.

    Attributes:
        label: its name.
        term: how long it is kept.
        source: the law, or the house's own rule.
        is_verified: whether the term was held against the text of the law.
        count: how many records this system keeps; None when they are kept elsewhere.
        earliest: accounting year of the oldest ones; None without any.
        may_go_from: when the oldest may go; None for never, or without any.
        may_go: how many may go today.
        held: how many could, and are held.
    """

    label: str
    term: str
    source: str
    is_verified: bool
    count: int | None
    earliest: int | None
    may_go_from: date | None
    may_go: int
    held: int


@dataclass(frozen=True, slots=True)
class ClassesPage:
    """Every class, and the holds.

    Attributes:
        rows: in the order of the classes.
        holds: those that stand first.
        labels: code of a class → its name.
        may_hold: whether the reader may place and release holds.
        reader_id: the reader's login: who placed a hold does not release it.
        exports: (label, address) of the list by year.
    """

    rows: tuple[ClassRow, ...]
    holds: Sequence[LegalHold]
    labels: dict[str, str]
    may_hold: bool
    reader_id: int
    exports: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class YearRow:
    """Records of one class and year, for a file.

    Attributes:
        record_class: name of the class.
        year: accounting year.
        count: how many.
        term: how long they are kept.
        may_go_from: when they may go; None for never.
        standing: must be kept, held, may go.
        source: the law, or the house's own rule.
    """

    record_class: str
    year: int
    count: int
    term: str
    may_go_from: date | None
    standing: str
    source: str


@dataclass(frozen=True, slots=True)
class HoldPage:
    """The form of a new hold."""

    form: HoldForm


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """A hold that is about to be released.

    Attributes:
        hold: what is held, and why.
        label: name of the class.
        form: the reason.
    """

    hold: LegalHold
    label: str
    form: ReleaseForm


def _labels() -> dict[str, str]:
    named = {code: translated(each.label) for code, each in rules.CLASSES.items()}
    return {"": _("All classes"), **named}


def _term(term: rules.RetentionTerm) -> str:
    if term.years == "permanent":
        return _("for ever")
    return ngettext("%(num)s year", "%(num)s years", term.years)


def _source(term: rules.RetentionTerm) -> str:
    return _("rule of this house") if term.source == "house rule" else term.source


def _class_row(record_class: rules.RetentionClass, rows: list[queries.KeptRow], on: date) -> ClassRow:
    term, is_counted = record_class.term(on), record_class.code in queries.counted_classes()
    return ClassRow(
        label=translated(record_class.label),
        term=_term(term),
        source=_source(term),
        is_verified=term.is_verified or term.source == "house rule",
        count=sum(row.count for row in rows) if is_counted else None,
        earliest=rows[0].year if rows else None,
        may_go_from=rows[0].may_go_from if rows else None,
        may_go=sum(row.count for row in rows if row.standing == "may_go"),
        held=sum(row.count for row in rows if row.standing == "held"),
    )


@table_rule(blueprint, "/office/retention")
@permission_required("retention.read")
def classes(fmt: str) -> ResponseReturnValue:
    """Show whoever keeps the archives what must be kept until when, and what is held."""
    actor, on = current_actor(), today()
    found = queries.kept(db.session(), actor.org_id, on)
    if fmt != "html":
        return _file(found, on, fmt)
    rows = tuple(
        _class_row(each, [row for row in found if row.class_code == code], on)
        for code, each in rules.CLASSES.items()
    )
    page = ClassesPage(
        rows=rows,
        holds=queries.holds(db.session(), actor.org_id),
        labels=_labels(),
        may_hold=actor.may("retention.hold"),
        reader_id=actor.user_id,
        exports=tuple((name.upper(), url_for("retention.classes", fmt=name)) for name in ("csv", "json")),
    )
    return render("retention/classes.html", page)


def _file(found: list[queries.KeptRow], on: date, fmt: str) -> ResponseReturnValue:
    """Return the list by class and year: what an appraisal of archives starts from."""
    rows = [
        YearRow(
            record_class=translated(rules.CLASSES[row.class_code].label),
            year=row.year,
            count=row.count,
            term=_term(rules.CLASSES[row.class_code].term(on)),
            may_go_from=row.may_go_from,
            standing=translated(_STANDINGS[row.standing][1]),
            source=_source(rules.CLASSES[row.class_code].term(on)),
        )
        for row in found
    ]
    columns = [
        FileColumn("record_class", _("Class of records")),
        FileColumn("year", _("Year"), "count"),
        FileColumn("count", _("Count"), "count"),
        FileColumn("term", _("Kept for")),
        FileColumn("may_go_from", _("May go from"), "date"),
        FileColumn("standing", _("State")),
        FileColumn("source", _("Source")),
    ]
    return exports(rows, columns, "retention", fmt)


@blueprint.route("/office/retention/hold", methods=["GET", "POST"])
@permission_required("retention.hold")
def hold() -> ResponseReturnValue:
    """Let the keeper of archives hold records for a claim, a case or an audit."""
    form = HoldForm()

    def work(session) -> None:
        span = rules.HoldSpan(form.class_code.data, form.from_year.data, form.until_year.data)
        service.place_hold(session, actor=current_actor(), span=span, reason=form.reason.data or "")

    if carried_out(form, work):
        return done(_("The records are held."), url_for("retention.classes"))
    return render("retention/hold.html", HoldPage(form), status_of(form))


@blueprint.route("/office/retention/hold/<int:hold_id>/release", methods=["GET", "POST"])
@permission_required("retention.hold")
def release(hold_id: int) -> ResponseReturnValue:
    """Let another person than who placed a hold release it."""
    found = db.session().get(LegalHold, (current_actor().org_id, hold_id))
    if found is None:
        abort(404)
    form = ReleaseForm()

    def work(session) -> None:
        service.release_hold(session, actor=current_actor(), hold_id=hold_id, reason=form.reason.data or "")

    if carried_out(form, work):
        return done(_("The hold was released."), url_for("retention.classes"))
    page = ReleasePage(found, _labels().get(found.class_code, found.class_code), form)
    return render("retention/release.html", page, status_of(form))
