"""The screen that asks which column is what; its answer is remembered for these headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.imports import staging
from charity.imports.common_routes import blueprint, file_or_404, hide_numbers, me, reading_session
from charity.imports.forms import ColumnsForm, field_choices, likely_form
from charity.imports.models import ImportFile
from charity.imports.reading import Answers
from charity.intake.mapping import Mapping
from charity.intake.read import ParsedFile
from charity.intake.recognise import ColumnGuess
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, prepared, status_of
from charity.web.context import settings, today
from charity.web.render import Sentence, render, sentence


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the file: what stands in it, and the field it is said to hold.

    Attributes:
        column: index from 0.
        samples: the first filled cells; long numbers show their ends only.
    """

    column: int
    heading: str
    samples: tuple[str, ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class ColumnsPage:
    """The question which column is what.

    Attributes:
        file: its row.
        form: kind of file, unit, way of the money.
        columns: in the order of the file.
        fields: (code, label) of what a column can hold.
        problems: what the file says of itself.
        may_set_aside: whether the reader may put the file away.
    """

    file: ImportFile
    form: ColumnsForm
    columns: tuple[ColumnRow, ...]
    fields: tuple[tuple[str, str], ...]
    problems: tuple[Sentence, ...]
    may_set_aside: bool


def _chosen(guesses: tuple[ColumnGuess, ...]) -> list[str]:
    """Return the field chosen for each column, as sent, else as guessed."""
    if request.method == "POST":
        return [request.form.get(f"column-{guess.column}", "") for guess in guesses]
    return [guess.field for guess in guesses]


def _shown(guess: ColumnGuess, chosen: str) -> ColumnRow:
    heading = guess.header or _("column %(number)s", number=guess.column + 1)
    return ColumnRow(guess.column, heading, tuple(map(hide_numbers, guess.samples)), chosen)


def _mapping(form: ColumnsForm, parsed: ParsedFile, chosen: list[str]) -> Mapping:
    """Return the answer as sent; the first column named for a field counts."""
    fields: dict[str, int] = {}
    for guess, name in zip(parsed.recognition.guesses, chosen, strict=True):
        if name:
            fields.setdefault(name, guess.column)
    direction = {"in": True, "out": False}.get(form.direction.data or "")
    return staging.mapping_of(
        parsed,
        form.form.data,
        fields,
        unit=form.unit.data,
        channel=form.channel.data or "",
        unsigned_is_credit=direction,
    )


@blueprint.route("/<number>/columns", methods=["GET", "POST"])
@permission_required("imports.stage")
def columns(number: str) -> ResponseReturnValue:
    """Ask once which column is what; the next file with these headings needs no answer."""
    found = file_or_404(number)
    parsed = staging.parsed_again(reading_session(), found, settings().data_dir, is_raw=True)
    guesses = parsed.recognition.guesses
    if not guesses:  # known by itself: there is nothing to ask
        return redirect(url_for("imports.file", number=found.public_no), 303)
    chosen = _chosen(guesses)
    form = ColumnsForm()
    form.offer()
    if not form.is_submitted():
        form.form.data = likely_form(guesses)
    file_id = found.id

    def values() -> dict[str, Any]:
        answers = Answers(mapping=_mapping(form, parsed, chosen))
        return {"actor": me(), "file_id": file_id, "answers": answers, "data_dir": settings().data_dir}

    reread = prepared(form, lambda: staging.read_again(reading_session(), **values()))
    if reread is not None and carried_out(
        form,
        lambda session: staging.answer_file(session, **values(), on=today(), reread=reread),
    ):
        sentence_done = _("The file was read; the answer is remembered for files like it.")
        return done(sentence_done, url_for("imports.file", number=number))
    page = ColumnsPage(
        file=file_or_404(number),
        form=form,
        columns=tuple(_shown(guess, name) for guess, name in zip(guesses, chosen, strict=True)),
        fields=tuple(field_choices()),
        problems=tuple(sentence(problem) for problem in parsed.problems),
        may_set_aside=staging.may_set_aside(me(), found),
    )
    return render("imports/columns.html", page, status_of(form))
