"""Pages of staged files: the list with its drop zone, the preview, place, days, setting aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from charity.db import transact
from charity.errors import Refused
from charity.ids import key_of
from charity.imports import queries, reading, staging
from charity.imports.common_routes import blueprint, file_or_404, me, reading_session
from charity.imports.forms import DayForm, DropForm, PlaceForm, ReasonForm
from charity.imports.kinds import booker_of
from charity.imports.models import ImportFile
from charity.imports.preview_routes import file_page, job_sentence
from charity.imports.reading import Answers
from charity.intake.forms import FORM_NAMES
from charity.intake.read import ParsedFile
from charity.jobs.models import Job
from charity.web.access import may_open, permission_required
from charity.web.acts import carried_out, done, prepared, status_of
from charity.web.context import settings, today
from charity.web.filters import translated
from charity.web.render import Sentence, problems_of, render


@dataclass(frozen=True, slots=True)
class FilesPage:
    """The dropped files, and the place to drop more.

    Attributes:
        form: the drop zone; None for who only reads.
        rows: newest first.
        forms: form → its name.
        places: number of a file → name of its place of money.
        older_url: the page of older files; empty on the last.
        refused: (file name, why it was not taken).
    """

    form: DropForm | None
    rows: tuple[queries.FileRow, ...]
    forms: dict[str, str]
    places: dict[str, str]
    older_url: str
    refused: tuple[tuple[str, Sentence], ...]


def _form_names() -> dict[str, str]:
    return {form: translated(label) for form, label in FORM_NAMES.items()}


def _files_page(form: DropForm, refused: Sequence[tuple[str, Sentence]]) -> FilesPage:
    before = key_of(request.args.get("before", ""))
    rows = queries.list_files(reading_session(), me().org_id, before=before)
    shown = rows[: queries.PAGE_ROWS]
    older = url_for("imports.files", before=shown[-1].cursor) if len(rows) > len(shown) else ""
    own = form if me().may("imports.stage") else None
    return FilesPage(own, tuple(shown), _form_names(), _place_names(shown), older, tuple(refused))


def _place_names(rows: Sequence[queries.FileRow]) -> dict[str, str]:
    """Return number of a file → name of its place; those without a place are left out."""
    found = {}
    for row in rows:
        booker = booker_of(row.form)
        if booker is not None and row.place:
            names = booker.names(reading_session(), me().org_id, [row.place])
            found[row.number] = names.get(row.place, row.place)
    return found


@blueprint.get("")
@permission_required("imports.read")
def files() -> ResponseReturnValue:
    """Show the accountant what was dropped, what waits, and where to drop the next file."""
    return render("imports/files.html", _files_page(DropForm(formdata=None), ()))


@blueprint.post("")
@permission_required("imports.stage")
def drop() -> ResponseReturnValue:
    """Take dropped files in, each on its own; what is refused says why."""
    form = DropForm()
    refused: list[tuple[str, Sentence]] = []
    taken: list[str] = []
    if form.validate_on_submit():
        for upload in form.files.data or []:
            if not getattr(upload, "filename", ""):
                continue
            number, problem = _take_in(upload)
            taken += [number] if number else []
            refused += [(upload.filename, problem)] if problem else []
        if not taken and not refused:
            form.files.errors = [_("Choose a file, or drop one here.")]
    if taken and not refused:
        is_one = len(taken) == 1
        return redirect(url_for("imports.file", number=taken[0]) if is_one else url_for("imports.files"), 303)
    return render("imports/files.html", _files_page(form, refused), 422)


def _take_in(upload: FileStorage) -> tuple[str, Sentence | None]:
    """Stage one upload; return its number, or the sentence of its refusal."""
    data, name = upload.read(), upload.filename or ""
    try:
        parsed = reading.parse(reading_session(), me().org_id, data, name, Answers())
        number, was_known, by = transact(
            lambda session: _staged(session, data=data, name=name, parsed=parsed)
        )
    except Refused as refused:
        return "", problems_of(refused)[0]
    if was_known:
        flash(_("This file was dropped before, by %(name)s; here it is.", name=by))
    return number, None


def _staged(session: Session, *, data: bytes, name: str, parsed: ParsedFile) -> tuple[str, bool, str]:
    staged = staging.stage_file(
        session,
        actor=me(),
        data=data,
        name=name,
        data_dir=settings().data_dir,
        on=today(),
        parsed=parsed,
    )
    return staged.file.public_no, staged.was_known, staged.file.dropped_by_name


@blueprint.get("/<number>")
@permission_required("imports.read")
def file(number: str) -> ResponseReturnValue:
    """Show what each row of a file is, what it adds up to, and let a person decide."""
    found = file_or_404(number)
    if found.state == "unmapped" and may_open("imports.columns"):
        return redirect(url_for("imports.columns", number=found.public_no), 303)
    return render("imports/file.html", file_page(found))


@blueprint.get("/<number>/progress.json")
@permission_required("imports.read")
def progress(number: str) -> ResponseReturnValue:
    """Tell the bar how far the work at a file is."""
    found = file_or_404(number)
    job = reading_session().get(Job, (found.org_id, found.job_id)) if found.job_id else None
    if job is None:
        abort(404)
    answer = jsonify(state=job.state, done=job.done, total=job.total, sentence=job_sentence(job))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/<number>/place")
@permission_required("imports.stage")
def place(number: str) -> ResponseReturnValue:
    """Say which account a file is from; its rows are judged anew."""
    found = file_or_404(number)
    form = PlaceForm()
    form.offer(staging.place_choices(reading_session(), found), found.place)
    file_id = found.id
    if carried_out(
        form,
        lambda session: staging.choose_place(
            session, actor=me(), file_id=file_id, place=form.place.data, on=today()
        ),
    ):
        return done(_("The rows were judged anew."), url_for("imports.file", number=number))
    return render("imports/file.html", file_page(file_or_404(number), place_form=form), status_of(form))


@blueprint.post("/<number>/days")
@permission_required("imports.stage")
def days(number: str) -> ResponseReturnValue:
    """Give the day or year a list leaves open; it is read anew with it."""
    file_id = file_or_404(number).id
    form = DayForm()

    def values() -> dict[str, Any]:
        answers = Answers(year=form.year.data, received_on=form.received_on.data)
        return {"actor": me(), "file_id": file_id, "answers": answers, "data_dir": settings().data_dir}

    reread = prepared(form, lambda: staging.read_again(reading_session(), **values()))
    if reread is not None and carried_out(
        form,
        lambda session: staging.answer_file(session, **values(), on=today(), reread=reread),
    ):
        return done(_("The file was read anew."), url_for("imports.file", number=number))
    return render("imports/file.html", file_page(file_or_404(number), day_form=form), status_of(form))


@dataclass(frozen=True, slots=True)
class AsidePage:
    """The question before a file is set aside."""

    file: ImportFile
    form: ReasonForm


@blueprint.route("/<number>/aside", methods=["GET", "POST"])
@permission_required("imports.stage")
def aside(number: str) -> ResponseReturnValue:
    """Set a file aside of which nothing is booked, with a reason."""
    found = file_or_404(number)
    file_id, form = found.id, ReasonForm()
    if carried_out(
        form,
        lambda session: staging.set_aside(
            session, actor=me(), file_id=file_id, reason=form.reason.data or ""
        ),
    ):
        return done(_("The file was set aside; nothing of it is booked."), url_for("imports.files"))
    return render("imports/aside.html", AsidePage(file_or_404(number), form), status_of(form))
