"""The preview of a staged file, put together for its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for
from flask_babel import gettext as _

from charity.errors import N_
from charity.imports import queries, reading, rules, staging
from charity.imports.common_routes import me, reading_session
from charity.imports.forms import DayForm, PlaceForm
from charity.imports.kinds import booker_of
from charity.imports.models import ImportFile
from charity.imports.rules import Tally
from charity.intake.forms import FORM_NAMES
from charity.jobs.models import Job
from charity.jobs.rules import ENDED, STATE_LABELS
from charity.web.filters import translated, yuan
from charity.web.render import Sentence, sentence


@dataclass(frozen=True, slots=True)
class TotalRow:
    """One total the file states beside what was counted; None where it does not say."""

    label: str
    stated: str
    counted: str
    is_same: bool | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job under way at a file."""

    url: str
    cancel_url: str
    done: int
    total: int
    sentence: str


@dataclass(frozen=True, slots=True)
class FilePage:
    """The preview of a file.

    Attributes:
        file: its row.
        form_name: what it was recognised as.
        place_form: which account it is from; its choice is fixed once rows are booked.
        place_name: name of the chosen place.
        day_form: asked where days or the year are missing; else None.
        problems: what is wrong with the file as a whole; ``notes`` only inform.
        totals: the file's own totals against those counted.
        tallies: rows by verdict.
        counts: rows by state, and ``ready`` to be booked.
        verdict: the filter; empty for all.
        only_open: whether only rows that wait are shown.
        rows: of this page.
        sentences: row number → reason in the reader's language.
        links: row number → (number, address) of what it became.
        older_url: the next page of rows.
        at: the row that gets the focus.
        job: the job under way, or None.
        may_stage: whether the reader may say where the file comes from, or put it aside.
        may_book: whether the reader may decide and book.
    """

    file: ImportFile
    form_name: str
    place_form: PlaceForm
    place_name: str
    day_form: DayForm | None
    problems: tuple[Sentence, ...]
    notes: tuple[Sentence, ...]
    totals: tuple[TotalRow, ...]
    tallies: tuple[Tally, ...]
    counts: dict[str, int]
    verdict: str
    only_open: bool
    rows: tuple[queries.RowView, ...]
    sentences: dict[int, str]
    links: dict[int, tuple[str, str]]
    first_url: str
    older_url: str
    at: int
    job: JobView | None
    refused: tuple[Sentence, ...]
    may_stage: bool
    may_book: bool
    verdicts: dict[str, str]
    actions: dict[str, str]
    keys: dict[str, str]
    row_states: dict[str, str]


#: Totals of a file → label.
_TOTALS = {
    "count": N_("Rows"),
    "in_count": N_("Rows in"),
    "out_count": N_("Rows out"),
    "in_fen": N_("Money in"),
    "out_fen": N_("Money out"),
    "refund_fen": N_("Refunds"),
    "fee_fen": N_("Fees"),
    "printed_fen": N_("Sum as printed"),
}


def _total_rows(file: ImportFile) -> tuple[TotalRow, ...]:
    """Return the totals to show: every stated one, and of the counted ones what matters."""
    wanted = [name for name in _TOTALS if name in file.stated or name in ("count", "in_fen", "out_fen")]
    found = []
    for name in wanted:
        stated, counted = file.stated.get(name), file.counted.get(name)
        if stated is None and not counted:
            continue
        is_same = None if stated is None else stated == (counted or 0)
        found.append(
            TotalRow(translated(_TOTALS[name]), _total(name, stated), _total(name, counted), is_same)
        )
    return tuple(found)


def _total(name: str, value: int | None) -> str:
    if value is None:
        return "–"
    return str(value) if name.endswith("count") else yuan(value)


def _job(file: ImportFile) -> JobView | None:
    """Return the job that works on the file; None when there is none or it has ended."""
    if file.job_id is None:
        return None
    job = reading_session().get(Job, (file.org_id, file.job_id))
    if job is None or job.state in ENDED:
        return None
    actor = me()
    may_cancel = (job.created_by == actor.user_id or actor.may("jobs.cancel")) and not job.cancel_asked
    has_page = "jobs.cancel" in current_app.view_functions
    return JobView(
        url=url_for("imports.progress", number=file.public_no),
        cancel_url=url_for("jobs.cancel", job_id=job.id) if may_cancel and has_page else "",
        done=job.done,
        total=job.total,
        sentence=job_sentence(job),
    )


def job_sentence(job: Job) -> str:
    """Return what stands beside the bar of a job."""
    if job.cancel_asked and job.state not in ENDED:
        return str(_("Stopping after the step under way …"))
    return str(translated(STATE_LABELS[job.state]))


def file_page(
    file: ImportFile,
    *,
    place_form: PlaceForm | None = None,
    day_form: DayForm | None = None,
    refused: Sequence[Sentence] = (),
) -> FilePage:
    """Return the preview of a file, filtered and paged as the address says.

    Args:
        place_form, day_form: as sent, when they are shown again.
        refused: why the last act was refused.
    """
    session, actor = reading_session(), me()
    verdict = request.args.get("verdict", "")
    verdict = verdict if verdict in rules.VERDICTS else ""
    only_open = request.args.get("open") == "1"
    after, at = _number("after"), _number("at")
    if at and not request.args.get("after"):
        after = max(0, at - queries.PAGE_ROWS // 2)
    rows = queries.page_of_rows(
        session, actor.org_id, file.id, verdict=verdict, after=after, only_open=only_open
    )
    shown = tuple(rows[: queries.PAGE_ROWS])
    choices = staging.place_choices(session, file)
    form = place_form or PlaceForm(formdata=None)
    form.offer(choices, file.place)
    problems = reading.file_problems(file)
    wrong = {problem.code for problem in reading.file_problems(file, notes=False)}
    filters: dict[str, Any] = {"verdict": verdict or None, "open": "1" if only_open else None}
    return FilePage(
        file=file,
        form_name=translated(FORM_NAMES.get(file.form, file.form)),
        place_form=form,
        place_name=next((choice.label for choice in choices if choice.code == file.place), file.place),
        day_form=day_form or (DayForm(formdata=None) if _asks_for_days(file, shown) else None),
        problems=tuple(sentence(problem) for problem in problems if problem.code in wrong),
        notes=tuple(sentence(problem) for problem in problems if problem.code not in wrong),
        totals=_total_rows(file),
        tallies=tuple(queries.tallies(session, actor.org_id, file.id)),
        counts=dict(queries.count_states(session, actor.org_id, file.id)),
        verdict=verdict,
        only_open=only_open,
        rows=shown,
        sentences={row.row_no: sentence(row.reason).text for row in shown if row.reason is not None},
        links=event_links(file, shown),
        first_url=url_for("imports.file", number=file.public_no, **filters) if after else "",
        older_url=_older(file, shown, len(rows) > len(shown), filters),
        at=at,
        job=_job(file),
        refused=tuple(refused),
        may_stage=actor.may("imports.stage"),
        may_book=actor.may("imports.book") and file.state == "judged",
        verdicts={code: translated(label) for code, label in rules.VERDICTS.items()},
        actions={code: translated(label) for code, label in rules.ACTIONS.items()},
        keys=dict(rules.ACTION_KEYS),
        row_states={code: translated(label) for code, label in rules.ROW_STATES.items()},
    )


def _number(name: str) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdigit() and len(text) < 9 else 0


def _older(
    file: ImportFile, shown: Sequence[queries.RowView], has_more: bool, filters: dict[str, Any]
) -> str:
    if not has_more:
        return ""
    return url_for("imports.file", number=file.public_no, after=shown[-1].row_no, **filters)


def _asks_for_days(file: ImportFile, rows: Sequence[queries.RowView]) -> bool:
    """Say whether a list leaves its days or its year open."""
    codes = {problem["code"] for problem in file.problems}
    codes |= {row.reason.code for row in rows if row.reason is not None}
    is_list = file.form == "donor_list" and file.state == "judged"
    return is_list and bool(codes & {"date_column_missing", "year_missing", "row_date_missing"})


def event_links(file: ImportFile, rows: Sequence[queries.RowView]) -> dict[int, tuple[str, str]]:
    """Return row number → (number, address) of what a row became, where it has a page."""
    booker = booker_of(file.form)
    events = {row.row_no: row.event for row in rows if row.event is not None}
    if booker is None or not events:
        return {}
    links = booker.links(reading_session(), file.org_id, list(events.values()))
    return {
        row_no: (links[event].label, url_for(links[event].endpoint, **dict(links[event].values)))
        for row_no, event in events.items()
        if event in links and links[event].endpoint in current_app.view_functions
    }
