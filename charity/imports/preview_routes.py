"""The preview of a staged file, put together for its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for
from flask_babel import gettext as _

from charity.errors import N_
from charity.ids import key_of
from charity.imports import queries, reading, rules, staging
from charity.imports.common_routes import me, reading_session
from charity.imports.forms import DayForm, PlaceForm
from charity.imports.kinds import Link, PlaceChoice, booker_of
from charity.imports.models import ImportFile
from charity.imports.rules import Tally
from charity.intake.forms import FORM_NAMES
from charity.jobs.models import Job
from charity.jobs.rules import ENDED, STATE_LABELS
from charity.web.access import may_open
from charity.web.filters import translated, yuan
from charity.web.render import Sentence, sentence

#: No row has a higher number; an address that names one is shown the end of the file.
_ROW_LIMIT = 99_999_999


@dataclass(frozen=True, slots=True)
class TotalRow:
    """One total the file states beside what was counted; None where it does not say."""

    label: str
    stated: str
    counted: str
    is_same: bool | None


@dataclass(frozen=True, slots=True)
class EventLink:
    """What a row or a file became: number, address, and how far its voucher is (code, label)."""

    label: str
    url: str
    state: str
    state_label: str


#: How far the voucher of an event is → label.
PROGRESS = {
    "undrafted": N_("recorded, voucher not made yet"),
    "draft": N_("look at it, then submit it"),
    "submitted": N_("waits for review"),
    "reviewed": N_("reviewed"),
    "signed": N_("signed by the cashier"),
    "posted": N_("posted"),
}


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
        links: row number → what it became.
        names: target of a row → its name.
        vouchers: the vouchers made from the file.
        place_help: what the file says of its account, beside the choice.
        older_url: the next page of rows.
        at: the row that gets the focus.
        job: the job under way, or None.
        may_stage: whether the reader may say where the file comes from.
        may_set_aside: whether the reader may put it aside.
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
    links: dict[int, EventLink]
    names: dict[str, str]
    vouchers: tuple[EventLink, ...]
    place_help: str
    first_url: str
    older_url: str
    at: int
    job: JobView | None
    refused: tuple[Sentence, ...]
    may_stage: bool
    may_set_aside: bool
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
    "printed_fen": N_("Amounts as printed, refunds added"),
}


def _total_rows(file: ImportFile) -> tuple[TotalRow, ...]:
    """Return the totals to show: every stated one, and of the counted ones what matters."""
    wanted = [name for name in _TOTALS if name in file.stated or name in ("count", "in_fen", "out_fen")]
    if "refund_fen" in file.stated and "out_fen" not in file.stated:
        wanted.remove("out_fen")  # what goes out of a platform's bill are its refunds
    found = []
    for name in wanted:
        stated, counted = file.stated.get(name), file.counted.get(name)
        if stated is None and not counted:
            continue
        is_same = None if stated is None else stated == (counted or 0)
        found.append(
            TotalRow(translated(_TOTALS[name]), _total(name, stated), _total(name, counted), is_same)
        )
    return (*found, *_balances(file))


def _balances(file: ImportFile) -> list[TotalRow]:
    """Return what the account held before and after the file, and what its rows make of it."""
    if file.opening_fen is None or file.closing_fen is None:
        return []
    counted = file.opening_fen + (file.counted.get("in_fen") or 0) - (file.counted.get("out_fen") or 0)
    opening, closing = yuan(file.opening_fen), yuan(file.closing_fen)
    return [
        TotalRow(_("Balance before"), opening, "–", None),
        TotalRow(_("Balance after"), closing, yuan(counted), counted == file.closing_fen),
    ]


def _place_help(file: ImportFile, choices: Sequence[PlaceChoice]) -> str:
    """Return what the file says of its account, where that is not the place chosen."""
    chosen = next((choice for choice in choices if choice.code == file.place), None)
    if not file.own_tail:
        return "" if file.place else _("The file does not say; choose the account or merchant number.")
    values = {"tail": file.own_tail}
    if chosen is None and choices and all(choice.is_other for choice in choices):
        text = _(
            "The file states the account ending in %(tail)s; no place of money has that number yet.", **values
        )
    elif chosen is None:
        text = _("The file states the account ending in %(tail)s; choose that account.", **values)
    elif chosen.is_other:
        text = _("The file states the account ending in %(tail)s, which is not the one chosen.", **values)
    elif not chosen.is_numbered:
        text = _(
            "The file states the account ending in %(tail)s; the place chosen has no number on record.",
            **values,
        )
    else:
        text = _("The file states the account ending in %(tail)s.", **values)
    return str(text)


def _problems_and_notes(file: ImportFile) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...]]:
    """Return what is wrong with the file as a whole, and what only informs."""
    found = reading.file_problems(file)
    wrong = {problem.code for problem in reading.file_problems(file, notes=False)}
    return (
        tuple(sentence(problem) for problem in found if problem.code in wrong),
        tuple(sentence(problem) for problem in found if problem.code not in wrong),
    )


def _translated(labels: Mapping[str, str]) -> dict[str, str]:
    return {code: translated(label) for code, label in labels.items()}


def _sentences(rows: Sequence[queries.RowView]) -> dict[int, str]:
    """Return row number → why the judge says so, while that is still a question."""
    return {
        row.row_no: sentence(row.reason).text
        for row in rows
        if row.reason is not None and (row.is_open or (row.state == "staged" and not row.decision))
    }


def names_of(file: ImportFile, rows: Sequence[queries.RowView]) -> dict[str, str]:
    """Return target → its name, for the rows shown; a row of this file is named by its number."""
    booker = booker_of(file.form)
    targets = {row.target for row in rows if row.target not in ("", "?")}
    known = dict(booker.names(reading_session(), file.org_id, targets)) if booker and targets else {}
    of_rows = {
        target: str(_("row %(row)s of this file", row=target[1:])) for target in targets if target[0] == "#"
    }
    return {**of_rows, **known}


def _vouchers(file: ImportFile) -> tuple[EventLink, ...]:
    """Return the vouchers made from a file, for who may open them."""
    booker = booker_of(file.form)
    if booker is None or not me().may("ledger.read"):
        return ()
    return tuple(_event_link(link) for link in booker.vouchers(reading_session(), file.org_id, file.id))


def _event_link(link: Link) -> EventLink:
    label = str(translated(PROGRESS[link.state])) if link.state else ""
    return EventLink(link.label, url_for(link.endpoint, **dict(link.values)), link.state, label)


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
    at = _number("at")
    after = _number("after") if request.args.get("after") or not at else max(0, at - queries.PAGE_ROWS // 2)
    rows = queries.page_of_rows(
        session, actor.org_id, file.id, verdict=verdict, after=after, only_open=only_open
    )
    shown = tuple(rows[: queries.PAGE_ROWS])
    choices = staging.place_choices(session, file)
    form = place_form or PlaceForm(formdata=None)
    form.offer(choices, file.place)
    problems, notes = _problems_and_notes(file)
    filters: dict[str, Any] = {"verdict": verdict or None, "open": "1" if only_open else None}
    return FilePage(
        file=file,
        form_name=translated(FORM_NAMES.get(file.form, file.form)),
        place_form=form,
        place_name=next((choice.label for choice in choices if choice.code == file.place), file.place),
        day_form=day_form or (DayForm(formdata=None) if _asks_for_days(file, shown) else None),
        problems=problems,
        notes=notes,
        totals=_total_rows(file),
        tallies=tuple(queries.tallies(session, actor.org_id, file.id)),
        counts=dict(queries.count_states(session, actor.org_id, file.id)),
        verdict=verdict,
        only_open=only_open,
        rows=shown,
        sentences=_sentences(shown),
        links=event_links(file, shown),
        names=names_of(file, shown),
        vouchers=_vouchers(file),
        place_help=_place_help(file, choices),
        first_url=url_for("imports.file", number=file.public_no, **filters) if after else "",
        older_url=_older(file, shown, len(rows) > len(shown), filters),
        at=at,
        job=_job(file),
        refused=tuple(refused),
        may_stage=actor.may("imports.stage"),
        may_set_aside=staging.may_set_aside(actor, file),
        may_book=actor.may("imports.book") and file.state == "judged",
        verdicts=_translated(rules.VERDICTS),
        actions=_translated(rules.ACTIONS),
        keys=dict(rules.ACTION_KEYS),
        row_states=_translated(rules.ROW_STATES),
    )


def _number(name: str) -> int:
    return min(key_of(request.args.get(name, "")) or 0, _ROW_LIMIT)


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


def event_links(file: ImportFile, rows: Sequence[queries.RowView]) -> dict[int, EventLink]:
    """Return row number → what a row became, where that has a page this reader may open."""
    booker = booker_of(file.form)
    events = {row.row_no: row.event for row in rows if row.event is not None}
    if booker is None or not events:
        return {}
    links = booker.links(reading_session(), file.org_id, list(events.values()))
    return {
        row_no: _event_link(links[event])
        for row_no, event in events.items()
        if event in links and may_open(links[event].endpoint)
    }
