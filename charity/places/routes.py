"""Pages of the map and of the organisation; and which org an address means."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import partial

from flask import Blueprint, abort, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.db import db, transact
from charity.errors import N_, Refused
from charity.oplog.queries import story
from charity.oplog.routes import LogLine, shown_lines
from charity.places import queries, rules, service
from charity.places.forms import (
    CloseForm,
    ImportForm,
    OrgForm,
    QualificationForm,
    RenameForm,
    UnitFilter,
    UnitForm,
)
from charity.places.queries import OrgFacts, QualificationRow, UnitRow
from charity.web import navigation
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import OrgRef, current_actor, today
from charity.web.filters import translated
from charity.web.forms import sentence_of
from charity.web.render import FileColumn, exports, render, table_rule

blueprint = Blueprint("places", __name__)

navigation.register("office", "places.units", N_("Units"), "places.manage", order=60, group="settings")
navigation.register("office", "places.org", N_("Organisation"), "places.manage", order=50, group="settings")


def load_org(slug: str | None, host: str) -> OrgRef | None:
    """Return the org an address means; hook of the shell."""
    facts = queries.org_of_request(db.session(), slug, host)
    if facts is None:
        return None
    return OrgRef(
        id=facts.id,
        code=facts.code,
        slug=facts.slug,
        name=facts.name,
        short_name=facts.short_name,
        name_en=facts.name_en,
        is_default=facts.is_default,
    )


def load_slugs() -> frozenset[str]:
    """Return the slugs that stand as a prefix; hook of the shell."""
    return queries.prefix_slugs(db.session())


@blueprint.record_once
def install(state: BlueprintSetupState) -> None:
    """Tell the shell how orgs are found."""
    state.app.extensions["charity.org_loader"] = load_org
    state.app.extensions["charity.org_slugs"] = load_slugs


@dataclass(frozen=True, slots=True)
class UnitsPage:
    """The list of units.

    Attributes:
        filter: the form of the filter.
        rows: units, in the order of the map.
        may_change: whether this organisation keeps the map.
        kinds: kind → its word, translated.
    """

    filter: UnitFilter
    rows: tuple[UnitRow, ...]
    may_change: bool
    kinds: dict[str, str]


@dataclass(frozen=True, slots=True)
class UnitFormPage:
    """A form about units; ``problems`` are (row, sentence) of a list that was read."""

    form: UnitForm | ImportForm
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class UnitPage:
    """One unit.

    Attributes:
        unit: what it is.
        kind: its kind in words.
        above: the units above it, from the city down.
        below: those directly below it.
        form: to rename it.
        story: what was done to it.
        may_change: whether this organisation keeps the map.
    """

    unit: UnitRow
    kind: str
    above: tuple[UnitRow, ...]
    below: tuple[UnitRow, ...]
    form: RenameForm
    story: tuple[LogLine, ...]
    may_change: bool


@dataclass(frozen=True, slots=True)
class ClosePage:
    """What closing a unit means, and the form that does it."""

    unit: UnitRow
    form: CloseForm


@dataclass(frozen=True, slots=True)
class OrgPage:
    """The organisation's details: what is fixed, and the form for the rest.

    Attributes:
        qualifications: what it is entitled to, with the words of each kind.
    """

    facts: OrgFacts
    legal_form: str
    form: OrgForm
    qualifications: tuple[QualificationRow, ...]
    kinds: dict[str, str]


def _keeps_map() -> bool:
    facts = queries.org_facts(db.session(), current_actor().org_id)
    return facts is not None and facts.is_default


def _unit_or_404(code: str) -> UnitRow:
    unit = queries.find_unit(db.session(), code)
    if unit is None:
        abort(404)
    return unit


def _choices(on: date | None = None) -> list[tuple[str, str]]:
    """Return the units down to townships: nobody picks from ten thousand villages."""
    units = [unit for unit in queries.units_below(db.session(), None, on) if unit.kind != "village"]
    return queries.unit_choices(units)


def _kinds() -> dict[str, str]:
    return {kind: translated(label) for kind, label in rules.KIND_LABELS.items()}


@table_rule(blueprint, "/office/units")
@permission_required("places.manage")
def units(fmt: str) -> ResponseReturnValue:
    """Show an administrator the units, as a list and as a file to be read in elsewhere."""
    wanted = UnitFilter(formdata=request.args)
    wanted.below.choices = [("", _("the whole map")), *_choices()]
    upper = queries.find_unit(db.session(), wanted.below.data or "")
    found = queries.units_below(
        db.session(), upper.id if upper else None, None if wanted.with_closed.data else today()
    )
    text = (wanted.text.data or "").strip()
    rows = tuple(unit for unit in found if text in unit.name or unit.code.startswith(text))
    if fmt != "html":
        columns = [
            FileColumn("code", _("Code")),
            FileColumn("name", _("Name")),
            FileColumn("name_en", _("English name")),
            FileColumn("kind", _("Kind of unit")),
            FileColumn("from_on", _("First day"), "date"),
            FileColumn("until_on", _("Last day"), "date"),
        ]
        return exports(rows, columns, "units", fmt)
    return render("places/units.html", UnitsPage(wanted, rows, _keeps_map(), _kinds()))


@blueprint.route("/office/units/new", methods=["GET", "POST"])
@permission_required("places.manage")
def new_unit() -> ResponseReturnValue:
    """Let an administrator add one unit."""
    actor = current_actor()
    form = UnitForm(_choices(today()), from_on=today())
    if carried_out(form, lambda session: service.add_unit(session, actor=actor, unit=_unit_of(form))):
        return done(
            _("%(name)s was added.", name=form.name.data), url_for("places.unit", code=form.code.data)
        )
    return render("places/new_unit.html", UnitFormPage(form), status_of(form))


def _unit_of(form: UnitForm) -> rules.NewUnit:
    return rules.NewUnit(
        code=form.code.data,
        name=form.name.data,
        kind=form.kind.data,
        parent_code=form.parent_code.data or "",
        name_en=form.name_en.data or "",
        from_on=form.from_on.data,
    )


@blueprint.route("/office/units/import", methods=["GET", "POST"])
@permission_required("places.manage")
def import_units() -> ResponseReturnValue:
    """Let an administrator read in a list of units, whole or not at all."""
    actor = current_actor()
    form = ImportForm(from_on=today())
    rows: list[tuple[str, str]] = []
    if form.validate_on_submit():
        work = partial(service.import_units, actor=actor, content=form.file.data.read(), on=form.from_on.data)
        try:
            result = transact(work)
        except Refused as refused:
            of_rows = [problem for problem in refused.problems if problem.where.isdigit()]
            rows = [(problem.where, sentence_of(problem)) for problem in of_rows]
            form.add_problems(problem for problem in refused.problems if problem not in of_rows)
        else:
            message = _("%(added)s units added, %(known)s known already.", **asdict(result))
            return done(message, url_for("places.units"))
    return render("places/import_units.html", UnitFormPage(form, tuple(rows)), status_of(form))


@blueprint.route("/office/units/<code>", methods=["GET", "POST"])
@permission_required("places.manage")
def unit(code: str) -> ResponseReturnValue:
    """Show an administrator one unit, and let it be renamed."""
    actor, found = current_actor(), _unit_or_404(code)
    form = RenameForm(name=found.name, name_en=found.name_en)
    work = partial(service.rename_unit, actor=actor, code=code)
    if carried_out(form, lambda session: work(session, name=form.name.data, name_en=form.name_en.data)):
        return done(_("The new name was saved."), url_for("places.unit", code=code))
    session = db.session()
    page = UnitPage(
        unit=found,
        kind=_kinds()[found.kind],
        above=queries.unit_path(session, found.id)[:-1],
        below=tuple(u for u in queries.units_below(session, found.id) if u.depth == found.depth + 1),
        form=form,
        story=shown_lines(story(session, actor.org_id, "unit", code)),
        may_change=_keeps_map(),
    )
    return render("places/unit.html", page, status_of(form))


@blueprint.route("/office/units/<code>/close", methods=["GET", "POST"])
@permission_required("places.manage")
def close_unit(code: str) -> ResponseReturnValue:
    """Tell an administrator what closing a unit means, and do it."""
    actor, found = current_actor(), _unit_or_404(code)
    of_kind = [one for one in queries.units_below(db.session(), None, today()) if one.kind == found.kind]
    form = CloseForm([(one.code, f"{one.name} {one.code}") for one in of_kind if one.code != code])

    def work(session: Session) -> None:
        service.close_unit(
            session,
            actor=actor,
            code=code,
            until_on=form.until_on.data,
            replaced_by_code=form.replaced_by_code.data or "",
        )

    if carried_out(form, work):
        return done(_("%(name)s was closed.", name=found.name), url_for("places.unit", code=code))
    return render("places/close_unit.html", ClosePage(found, form), status_of(form))


@blueprint.route("/office/org", methods=["GET", "POST"])
@permission_required("places.manage")
def org() -> ResponseReturnValue:
    """Let an administrator keep the organisation's own details."""
    actor = current_actor()
    facts = queries.org_facts(db.session(), actor.org_id)
    if facts is None:
        abort(404)
    known = {field.name: getattr(facts, field.name) for field in fields(service.OrgDetails)}
    form = OrgForm(data=known)

    def work(session: Session) -> None:
        details = service.OrgDetails(**{name: form[name].data or type(known[name])() for name in known})
        service.change_org(session, actor=actor, details=details)

    if carried_out(form, work):
        return done(_("The details were saved."), url_for("places.org"))
    kinds = {str(kind): translated(label) for kind, label in rules.QUALIFICATIONS.items()}
    held = queries.qualifications(db.session(), actor.org_id, today())
    page = OrgPage(facts, translated(rules.LEGAL_FORMS[facts.legal_form]), form, held, kinds)
    return render("places/org.html", page, status_of(form))


@dataclass(frozen=True, slots=True)
class QualificationPage:
    """A qualification to be recorded."""

    form: QualificationForm


@blueprint.route("/office/org/qualifications/new", methods=["GET", "POST"])
@permission_required("places.manage")
def new_qualification() -> ResponseReturnValue:
    """Let an administrator record a qualification or its renewal."""
    actor, form = current_actor(), QualificationForm()

    def work(session: Session) -> None:
        service.record_qualification(
            session,
            actor=actor,
            kind=form.kind.data,
            number=form.number.data or "",
            issued_by=form.issued_by.data or "",
            from_on=form.from_on.data,
            until_on=form.until_on.data,
        )

    if carried_out(form, work):
        return done(_("The qualification is recorded."), url_for("places.org"))
    return render("places/new_qualification.html", QualificationPage(form), status_of(form))
