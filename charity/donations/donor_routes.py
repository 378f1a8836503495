"""Office pages of givers: list, one donor with its acts, likely duplicates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.donations import donor_queries, donors, queries
from charity.donations.common_routes import (
    blueprint,
    donor_or_404,
    labels_of,
    me,
    reading,
)
from charity.donations.forms import DonorFilterForm, DonorForm, PairForm, ReasonForm, RevealForm
from charity.donations.identifiers import IDENTIFIER_KINDS
from charity.donations.rules import DONOR_KINDS, PUBLICATIONS
from charity.errors import N_, refuse, register
from charity.ids import key_of
from charity.oplog.queries import story
from charity.oplog.routes import LogLine, shown_lines
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.addresses import file_links, same_page
from charity.web.context import today
from charity.web.render import FileColumn, exports, render, table_rule

PROBLEMS = register({"pair_act_missing": N_("Choose what to do with the two donors.")})

#: What two donors may share → label.
SHARED = {"name": N_("name"), **IDENTIFIER_KINDS}


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list of donors."""

    filter: DonorFilterForm
    rows: tuple[donor_queries.DonorRow, ...]
    kinds: dict[str, str]
    files: tuple[tuple[str, str], ...]
    first_url: str
    next_url: str


@table_rule(blueprint, "/office/donors")
@permission_required("donations.read")
def donor_list(fmt: str) -> ResponseReturnValue:
    """Show the office the donors by pinyin; numbers are masked on the page and in the file."""
    form = DonorFilterForm(request.args)
    form.validate()
    org_id, text, kind = me().org_id, form.text.data or "", form.kind.data or ""
    kinds = labels_of(DONOR_KINDS.items())
    if fmt != "html":
        rows = donor_queries.list_donors(reading(), org_id, text, kind=kind, limit=queries.FILE_ROWS)
        named = [replace(row, kind=kinds[row.kind]) for row in rows]
        return exports(named, _columns(), "donors", fmt)  # type: ignore[arg-type]
    after = _cursor(request.args.get("after", ""), request.args.get("key", ""))
    limit = queries.PAGE_ROWS + 1
    rows = donor_queries.list_donors(reading(), org_id, text, kind=kind, after=after, limit=limit)
    shown = rows[: queries.PAGE_ROWS]
    has_more = len(rows) > queries.PAGE_ROWS
    page = ListPage(
        filter=form,
        rows=tuple(shown),
        kinds=kinds,
        files=file_links(),
        first_url=same_page(after=None, key=None) if after else "",
        next_url=same_page(after=shown[-1].pinyin_key, key=shown[-1].id) if has_more else "",
    )
    return render("donations/donor_list.html", page)


def _cursor(pinyin: str, key: str) -> tuple[str, int] | None:
    """Return pinyin and key after which a page begins; None for the first page."""
    number = key_of(key)
    return (pinyin, number) if number is not None else None


def _columns() -> list[FileColumn]:
    return [
        FileColumn("public_no", _("Donor number")),
        FileColumn("name", _("Name")),
        FileColumn("kind", _("Kind of donor")),
        FileColumn("numbers", _("Numbers (masked)")),
        FileColumn("gift_count", _("Gifts"), "count"),
        FileColumn("total_fen", _("Sum of gifts"), "money"),
        FileColumn("last_on", _("Last gift"), "date"),
    ]


@dataclass(frozen=True, slots=True)
class DonorPage:
    """One donor.

    Attributes:
        choice: its standing choice in words; empty for none.
        gifts: its latest gifts.
        reveal: the form that asks why a number is looked at; None without the permission.
        revealed: the number in clear, on this one answer alone.
    """

    donor: donor_queries.DonorFacts
    kind: str
    choice: str
    number_kinds: dict[str, str]
    gifts: tuple[queries.GiftRow, ...]
    states: dict[str, str]
    story: tuple[LogLine, ...]
    reveal: RevealForm | None
    revealed: str
    may_record: bool


@blueprint.route("/office/donors/<public_no>", methods=["GET"])
@permission_required("donations.read")
def donor(public_no: str) -> ResponseReturnValue:
    """Show the office one donor with masked numbers and its gifts."""
    found = donor_or_404(public_no)
    form = RevealForm() if me().may("donations.reveal") else None
    return render("donations/donor.html", _donor_page(found, form, ""))


def _donor_page(found: donor_queries.DonorFacts, form: RevealForm | None, revealed: str) -> DonorPage:
    actor = me()
    mine = queries.GiftFilter(donor_id=found.row.id)
    return DonorPage(
        donor=found,
        kind=labels_of(DONOR_KINDS.items())[found.row.kind],
        choice=labels_of(PUBLICATIONS.items()).get(found.publish_choice, ""),
        number_kinds=labels_of(IDENTIFIER_KINDS.items()),
        gifts=tuple(queries.list_gifts(reading(), actor.org_id, mine, limit=20)),
        states=labels_of(queries.GIFT_STATES.items()),
        story=shown_lines(story(reading(), actor.org_id, "donor", found.row.public_no)),
        reveal=form,
        revealed=revealed,
        may_record=actor.may("donations.record"),
    )


@blueprint.post("/office/donors/<public_no>/reveal")
@permission_required("donations.reveal")
def reveal(public_no: str) -> ResponseReturnValue:
    """Show a number in clear, once, to somebody who says why; who looked stays in the log."""
    found, form, values = donor_or_404(public_no), RevealForm(), list[str]()

    def work(session: Session) -> None:
        chosen = next((one for one in found.identifiers if str(one.id) == form.identifier.data), None)
        if chosen is None:
            raise refuse("identifier_unknown")
        values[:] = [
            donors.reveal_identifier(
                session,
                actor=me(),
                donor_id=chosen.donor_id,
                identifier_id=chosen.id,
                reason=form.reason.data,
            )
        ]

    is_done = carried_out(form, work)
    page = _donor_page(found, form, values[0] if is_done else "")
    answer: Response = render("donations/donor.html", page, 200 if is_done else 422)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@dataclass(frozen=True, slots=True)
class ActPage:
    """A page on which one act on a donor is filled in."""

    donor: donor_queries.DonorFacts
    form: Any


@blueprint.route("/office/donors/<public_no>/edit", methods=["GET", "POST"])
@permission_required("donations.record")
def edit_donor(public_no: str) -> ResponseReturnValue:
    """Let the clerk change a donor; numbers are added, none is taken away."""
    found = donor_or_404(public_no)
    known = {name: getattr(found, name) for name in ("receipt_title", "publish_choice", "note", "version")}
    form = DonorForm(data=known | {"kind": found.row.kind, "name": found.row.name})

    def work(session: Session) -> None:
        donors.edit_donor(
            session,
            actor=me(),
            donor_id=found.row.id,
            version=form.version.data,
            donor=form.entry(),
            publish_choice=form.publish_choice.data or "",
            note=form.note.data or "",
            on=today(),
        )

    if carried_out(form, work):
        return done(_("The donor was saved."), url_for("donations.donor", public_no=found.row.public_no))
    return render("donations/edit_donor.html", ActPage(found, form), status_of(form))


@blueprint.route("/office/donors/<public_no>/part", methods=["GET", "POST"])
@permission_required("donations.record")
def part_donor(public_no: str) -> ResponseReturnValue:
    """Let the clerk undo a merge, after reading what will happen."""
    found, form = donor_or_404(public_no), ReasonForm()
    work = partial(donors.part_donor, actor=me(), donor_id=found.row.id, reason=form.reason.data or "")
    if carried_out(form, work):
        message = _("The donor stands for itself again.")
        return done(message, url_for("donations.donor", public_no=found.row.public_no))
    return render("donations/part_donor.html", ActPage(found, form), status_of(form))


@dataclass(frozen=True, slots=True)
class PairsPage:
    """Pairs of donors that may be one; the form with problems belongs to ``judged``."""

    pairs: tuple[donor_queries.PairRow, ...]
    form: PairForm
    judged: tuple[str, str]
    kinds: dict[str, str]
    shared: dict[str, str]
    may_record: bool


@blueprint.route("/office/donors/duplicates", methods=["GET", "POST"])
@permission_required("donations.record")
def duplicates() -> ResponseReturnValue:
    """Let the clerk say of two donors whether they are one; nothing is merged by itself."""
    form = PairForm()

    def work(session: Session) -> None:
        _judge(session, form)

    if carried_out(form, work):
        if form.act.data == "distinct":
            message = _("The two stay apart and are not proposed again.")
        else:
            message = _("The two are one donor now; it can be undone on its page.")
        return done(message, url_for("donations.duplicates"))
    page = PairsPage(
        pairs=donor_queries.duplicate_pairs(reading(), me().org_id),
        form=form,
        judged=(form.first.data or "", form.second.data or ""),
        kinds=labels_of(DONOR_KINDS.items()),
        shared=labels_of(SHARED.items()),
        may_record=me().may("donations.record"),
    )
    return render("donations/duplicates.html", page, status_of(form))


def _judge(session: Session, form: PairForm) -> None:
    """Merge the pair the one way or the other, or keep it apart."""
    first, second = (
        donor_queries.donor_id_of(session, me().org_id, number or "")
        for number in (form.first.data, form.second.data)
    )
    if first is None or second is None:
        raise refuse("donor_unknown")
    reason = form.reason.data or ""
    if form.act.data == "distinct":
        donors.keep_distinct(session, actor=me(), donor_id=first, other_id=second, reason=reason)
    elif form.act.data == "into_second":
        donors.merge_donors(session, actor=me(), donor_id=first, into_id=second, reason=reason)
    elif form.act.data == "into_first":
        donors.merge_donors(session, actor=me(), donor_id=second, into_id=first, reason=reason)
    else:
        raise refuse("pair_act_missing")
