"""Office pages of gifts that need a person: unclear purposes, learned words, unclaimed money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from charity.db import transact
from charity.donations import claims, donor_queries, purposes, queries, service, word_queries
from charity.donations.common_routes import (
    ask_who,
    blueprint,
    books_today,
    carried_out_with,
    chosen_donor,
    gift_or_404,
    kept_papers,
    me,
    offer_known,
    reading,
    where_they_stand,
)
from charity.donations.forms import ClaimForm, DecideForm, WordForm
from charity.donations.origins import Origin, origins_of
from charity.donations.rules import Part
from charity.errors import Refused
from charity.ids import key_of
from charity.ledger.draft_queries import AttachmentView
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import today
from charity.web.render import problems_of, render


@dataclass(frozen=True, slots=True)
class FundKey:
    """One fund as a button of the queue: the key that presses it, code and name."""

    key: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The gift whose purpose is asked now, and what follows.

    Attributes:
        gift: the one asked; None when nothing waits.
        same_count: further waiting gifts with exactly the same words.
        following: the next ones of the queue.
        later_url: address of the queue behind this gift.
        first_url: address of its beginning; empty at the beginning.
    """

    form: DecideForm
    gift: queries.GiftRow | None
    same_count: int
    following: tuple[queries.GiftRow, ...]
    waiting: int
    funds: tuple[FundKey, ...]
    later_url: str
    first_url: str


@blueprint.route("/office/gifts/purposes", methods=["GET", "POST"])
@permission_required("donations.record")
def unclear() -> ResponseReturnValue:
    """Let the clerk say which fund each gift of unclear purpose is for, one key a gift."""
    form, after = DecideForm(), _key_of(request.args.get("after", ""))
    form.offer(books_today())
    if form.is_submitted():
        asked = gift_or_404(form.gift.data or "")
        if asked.row.state != "waiting":
            flash(_("Gift %(gift)s was allocated meanwhile.", gift=asked.row.public_no), "warn")
            return redirect(_queue_url(after), 303)
        ids = _ids(form, asked.row)
        if request.form.get("act") == "unclaimed":
            return _unclaimed(ids, after)
        if carried_out(form, lambda session: _decide(session, form, asked.row, ids)):
            message = ngettext(
                "%(num)s gift was allocated to %(fund)s.",
                "%(num)s gifts were allocated to %(fund)s.",
                len(ids),
                fund=books_today().funds[form.fund.data].name,
            )
            return done(message, _queue_url(after))
        return render("donations/unclear.html", _queue_page(form, after, asked.row), 422)
    return render("donations/unclear.html", _queue_page(form, after, None))


def _unclaimed(ids: list[int], after: int) -> ResponseReturnValue:
    """Book the gifts to 220901 until their purpose is known."""
    try:
        transact(partial(service.book_unclaimed, actor=me(), donation_ids=ids, on=today()))
    except Refused as refused:
        for sentence in problems_of(refused):
            flash(sentence.text, "bad")
        return redirect(_queue_url(after), 303)
    message = ngettext(
        "%(num)s gift lies in 220901 until its purpose is known.",
        "%(num)s gifts lie in 220901 until their purpose is known.",
        len(ids),
    )
    return done(message, _queue_url(after))


def _key_of(text: str) -> int:
    return key_of(text) or 0


def _queue_url(after: int) -> str:
    return url_for("donations.unclear", after=after or None)


def _ids(form: DecideForm, row: queries.GiftRow) -> list[int]:
    """Return the gifts decided now: the one asked, with those of the same words if wanted."""
    same = queries.same_words(reading(), me().org_id, row.stated_purpose) if form.with_same.data else []
    return [row.id, *(gift_id for gift_id in same if gift_id != row.id)]


def _decide(session: Session, form: DecideForm, row: queries.GiftRow, ids: list[int]) -> None:
    """Learn the word, if one was typed, and allocate what it did not settle by itself."""
    fund, earmark = form.fund.data or "", form.earmark.data or ""
    if form.keyword.data:
        purposes.learn_purpose(
            session, actor=me(), keyword=form.keyword.data, fund=fund, earmark=earmark, on=today()
        )
    waiting = queries.still_waiting(session, me().org_id, ids)
    if waiting:
        parts = [Part(fund, earmark)]
        service.allocate(session, actor=me(), donation_ids=waiting, parts=parts, on=today())


def _queue_page(form: DecideForm, after: int, asked: queries.GiftRow | None) -> QueuePage:
    org_id = me().org_id
    rows = queries.waiting_gifts(reading(), org_id, after_id=after, limit=11)
    gift = asked or (rows[0] if rows else None)
    same = queries.same_words(reading(), org_id, gift.stated_purpose) if gift else []
    if gift:
        form.gift.data = gift.public_no
    books = books_today()
    funds = [
        (code, fund.name)
        for code, fund in sorted(books.funds.items())
        if fund.opened_on <= books.on and (fund.closed_on is None or fund.closed_on >= books.on)
    ]
    keys = "123456789abcdefg"
    return QueuePage(
        form=form,
        gift=gift,
        same_count=max(0, len(same) - 1),
        following=tuple(row for row in rows if gift and row.id != gift.id)[:10],
        waiting=queries.count_in_state(reading(), org_id, "waiting"),
        funds=tuple(
            FundKey(keys[number] if number < len(keys) else "", code, name)
            for number, (code, name) in enumerate(funds)
        ),
        later_url=_queue_url(gift.id) if gift and len(rows) > 1 else "",
        first_url=_queue_url(0) if after else "",
    )


@dataclass(frozen=True, slots=True)
class WordsPage:
    """The learned words in force, and the form that teaches another."""

    form: WordForm
    rows: tuple[word_queries.WordRow, ...]
    may_record: bool


@blueprint.route("/office/gifts/words", methods=["GET", "POST"])
@permission_required("donations.record")
def words() -> ResponseReturnValue:
    """Show the clerk what words mean, and let another be learned."""
    form = WordForm()
    form.offer(books_today())

    def work(session: Session) -> None:
        purposes.learn_purpose(
            session,
            actor=me(),
            keyword=form.keyword.data or "",
            fund=form.fund.data,
            earmark=form.earmark.data or "",
            place=form.place.data or "",
            on=today(),
        )

    if carried_out(form, work):
        return done(_("The word is learned; waiting gifts that name it are allocated."), _words_url())
    page = WordsPage(form, word_queries.learned_words(reading(), me().org_id), me().may("donations.record"))
    return render("donations/words.html", page, status_of(form))


def _words_url() -> str:
    return url_for("donations.words")


@blueprint.post("/office/gifts/words/<int:rule_id>/forget")
@permission_required("donations.record")
def forget_word(rule_id: int) -> ResponseReturnValue:
    """Let the clerk end a learned word; gifts it allocated stay as they are."""
    try:
        transact(partial(purposes.forget_purpose, actor=me(), rule_id=rule_id))
    except Refused as refused:
        for sentence in problems_of(refused):
            flash(sentence.text, "bad")
        return redirect(_words_url(), 303)
    return done(_("The word means nothing from now on; gifts it allocated stay."), _words_url())


@dataclass(frozen=True, slots=True)
class UnidentifiedPage:
    """Money nobody has claimed yet, the oldest first; gift → what its file says, days since it came."""

    rows: tuple[queries.GiftRow, ...]
    origins: dict[int, Origin]
    days: dict[int, int]
    total_fen: int
    today: date
    may_read_files: bool
    may_claim: bool


@blueprint.get("/office/gifts/unidentified")
@permission_required("donations.read")
def unidentified() -> ResponseReturnValue:
    """Show the office the money in 220901, the oldest first."""
    wanted = queries.GiftFilter(state="unidentified")
    rows = queries.list_gifts(reading(), me().org_id, wanted, limit=1000)
    page = UnidentifiedPage(
        rows=tuple(reversed(rows)),
        origins=origins_of(reading(), me().org_id, [row.id for row in rows]),
        may_read_files=me().may("imports.read"),
        days={row.id: (today() - row.received_on).days for row in rows},
        total_fen=sum(row.amount_fen for row in rows),
        today=today(),
        may_claim=me().may("ledger.draft"),
    )
    return render("donations/unidentified.html", page)


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """The form that gives unclaimed money to its giver.

    Attributes:
        origin: what the file it was read from says of the other side; None for a typed one.
        needs_paper: whether no paper of the receipt is kept, so that one must come with the form.
    """

    gift: queries.GiftFacts
    form: ClaimForm
    donor: donor_queries.DonorRow | None
    asks_who: bool
    papers: tuple[AttachmentView, ...]
    origin: Origin | None
    needs_paper: bool
    may_read_files: bool


@blueprint.route("/office/gifts/<public_no>/claim", methods=["GET", "POST"])
@permission_required("ledger.draft")
def claim(public_no: str) -> ResponseReturnValue:
    """Let the accountant give unclaimed money to its giver, with the proof."""
    found = gift_or_404(public_no)
    url = url_for("donations.gift", public_no=found.row.public_no)
    if found.row.state != "unidentified":
        flash(_("This money has its giver."), "warn")
        return redirect(url, 303)
    known = found.row.donor_no if found.row.donor else ""
    form = ClaimForm(data={"donor_no": request.args.get("donor", known)})
    form.offer(books_today())
    papers, problems = kept_papers(form)
    donor = chosen_donor(form)
    is_open = donor is None and offer_known(form)
    origin = origins_of(reading(), me().org_id, [found.row.id]).get(found.row.id)
    page = ClaimPage(
        gift=found,
        form=form,
        donor=donor,
        asks_who=donor is None and len(form.known.choices) > 1,
        papers=papers,
        origin=origin,
        needs_paper=origin is None and not found.attachments,
        may_read_files=me().may("imports.read"),
    )
    said: list[str] = []
    if request.form.get("act") in ("look", "line"):
        if request.form["act"] == "line":
            form.parts.append_entry()
            form.offer_parts(books_today())
        return render("donations/claim.html", page)

    def work(session: Session) -> None:
        draft = claims.claim_unidentified(
            session,
            actor=me(),
            donation_id=found.row.id,
            donor=form.entry(),
            donor_id=donor.id if donor else None,
            parts=form.chosen_parts(),
            reason=form.reason.data,
            publish_as=form.publish_as.data or "",
            attachments=tuple(paper.sha256 for paper in papers),
            on=today(),
        )
        said.append(where_they_stand([draft]))

    if is_open and form.is_submitted():
        ask_who(form, problems)
    elif carried_out_with(form, problems, work):
        text = _("The money has its giver; the voucher out of 220901 is drafted.")
        return done(" ".join([text, *said[-1:]]), url)
    return render("donations/claim.html", page, status_of(form))
