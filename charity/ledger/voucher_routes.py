"""Posted vouchers: the list, one voucher as on paper, its prints and its source documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from charity.documents.voucher import Paper
from charity.errors import N_, Refused
from charity.ids import key_of
from charity.imports.queries import file_of_bytes
from charity.ledger import queries
from charity.ledger.attachments import read_attachment
from charity.ledger.common_routes import (
    NUMBER,
    Option,
    act,
    blueprint,
    fund_options,
    keep_papers,
    me,
    month_options,
    month_or_404,
    month_or_none,
    names_of,
    options,
    reading,
    voucher_or_404,
    voucher_url,
)
from charity.ledger.evidence import Evidence, VoucherFacts, evidence_of
from charity.ledger.filter_forms import VoucherFilterForm
from charity.ledger.late_papers import add_papers, may_add_papers
from charity.ledger.media import SHOWN, media_type
from charity.ledger.naming import KIND_LABELS
from charity.ledger.people import signer_names
from charity.ledger.printing import print_vouchers, vouchers_between
from charity.ledger.voucher_queries import (
    VoucherFilter,
    VoucherRow,
    VoucherView,
    list_vouchers,
    neighbours,
    sum_vouchers,
    voucher_view,
    words_in_use,
)
from charity.web.access import PermissionMissing, permission_required
from charity.web.acts import done
from charity.web.addresses import same_page
from charity.web.context import settings
from charity.web.files import file_answer
from charity.web.render import Sentence, problems_of, render, sentence

#: Tie between two vouchers → message id.
TIES: Mapping[str, str] = {
    "reverses": N_("Takes back in full"),
    "reversed_by": N_("Taken back in full by"),
    "corrects": N_("Corrects the amounts of"),
    "corrected_by": N_("Its amounts are corrected by"),
    "set": N_("Posted together with"),
}


@dataclass(frozen=True, slots=True)
class VouchersPage:
    """The list of posted vouchers.

    Attributes:
        rows: the newest number first.
        count, total_fen: of everything the filter finds.
        print_month, print_word: what the numbers of a range print belong to; empty: not offered.
    """

    filter: VoucherFilterForm
    rows: tuple[VoucherRow, ...]
    count: int
    total_fen: int
    newer_url: str
    older_url: str
    months: tuple[Option, ...]
    words: tuple[Option, ...]
    funds: tuple[Option, ...]
    kinds: tuple[Option, ...]
    print_month: str
    print_word: str
    problems: tuple[Sentence, ...]


def _filter(form: VoucherFilterForm) -> VoucherFilter:
    """Return what the address asks for; ``记-7``, ``记-0007`` and ``7`` are the same number."""
    month = month_or_none(request.args.get("month", ""))
    word, _dash, digits = (form.number.data or "").rpartition("-")
    return VoucherFilter(
        month=month.code if month else None,
        word=word or request.args.get("word", ""),
        number=_number(digits),
        from_on=form.from_on.data,
        until_on=form.until_on.data,
        fund=request.args.get("fund", ""),
        account=(form.account.data or "").split(" ")[0],
        least_fen=form.least.data,
        most_fen=form.most.data,
        kind=request.args.get("kind", ""),
        text=form.text.data or "",
    )


def _number(digits: str) -> int | None:
    """Return the number looked for; one that cannot be finds nothing, an empty one everything."""
    return min(key_of(digits) or 0, 9_999_999) if digits else None


def _vouchers_page(problems: Sequence[Sentence] = (), status: int = 200) -> ResponseReturnValue:
    actor = me()
    names = names_of(actor)
    form = VoucherFilterForm(formdata=request.args)
    rows: tuple[VoucherRow, ...] = ()
    cursor, count, total = "", 0, 0
    if form.validate():
        wanted, after = _filter(form), request.args.get("after", "")
        rows, cursor = list_vouchers(reading(), actor.org_id, wanted, names, cursor=after)
        count, total = sum_vouchers(reading(), actor.org_id, wanted)
    months = [row.month for row in queries.months(reading(), actor.org_id)]
    words = words_in_use(reading(), actor.org_id)
    args = request.args
    kinds = [(kind, _(label)) for kind, label in KIND_LABELS.items()] + [("red", _("red vouchers"))]
    page = VouchersPage(
        filter=form,
        rows=rows,
        count=count,
        total_fen=total,
        newer_url=same_page(after=None) if args.get("after") else "",
        older_url=same_page(after=cursor) if cursor else "",
        months=month_options(months, args.get("month", ""), _("all months")),
        words=options(((word, word) for word in words), args.get("word", ""), _("all words")),
        funds=fund_options(names, args.get("fund", "")),
        kinds=options(kinds, args.get("kind", ""), _("all kinds")),
        print_month=args.get("month", ""),
        print_word=args.get("word", "") or (words[0] if len(words) == 1 else ""),
        problems=tuple(problems),
    )
    return render("ledger/vouchers.html", page, status)


@blueprint.get("/vouchers")
@permission_required("ledger.read")
def vouchers() -> ResponseReturnValue:
    """Find posted vouchers by month, number, date, fund, account, amount and summary."""
    return _vouchers_page()


@dataclass(frozen=True, slots=True)
class VoucherPage:
    """One posted voucher.

    Attributes:
        ties: tie → message id.
        evidence: what other features know of it, with the page that leads on.
        kinds: kind → message id.
        before_url, after_url: the neighbours by number; empty at the ends.
        may_add_papers: whether the reader may add a source document.
        problems: why the last act was refused.
    """

    view: VoucherView
    people: Mapping[int, str]
    ties: Mapping[str, str]
    evidence: tuple[tuple[Evidence, str], ...]
    kinds: Mapping[str, str]
    before_url: str
    after_url: str
    may_add_papers: bool
    problems: tuple[Sentence, ...]


def _voucher_page(
    voucher_id: int, problems: Sequence[Sentence] = (), status: int = 200
) -> ResponseReturnValue:
    actor = me()
    view = voucher_view(reading(), actor.org_id, voucher_id, names_of(actor))
    header = view.header
    facts = VoucherFacts(
        voucher_id, header["month"], header["word"], header["number"], header["line_count"], view.sources
    )
    before, after = neighbours(reading(), actor.org_id, header)
    known = evidence_of(reading(), actor, facts)
    page = VoucherPage(
        view=view,
        people=signer_names(reading(), view.people),
        ties=TIES,
        evidence=tuple((row, url_for(row.endpoint, **row.values) if row.endpoint else "") for row in known),
        kinds=KIND_LABELS,
        before_url=voucher_url(view.month, header["word"], before) if before else "",
        after_url=voucher_url(view.month, header["word"], after) if after else "",
        may_add_papers=may_add_papers(actor),
        problems=tuple(problems),
    )
    return render("ledger/voucher.html", page, status)


@blueprint.get(f"/vouchers/<month>/<word>/<{NUMBER}:number>")
@permission_required("ledger.read")
def voucher(month: str, word: str, number: int) -> ResponseReturnValue:
    """Show one posted voucher as on paper, with everything tied to it."""
    return _voucher_page(voucher_or_404(me(), month, word, number))


@blueprint.post(f"/vouchers/<month>/<word>/<{NUMBER}:number>/papers")
@permission_required("ledger.read")
def add_voucher_papers(month: str, word: str, number: int) -> ResponseReturnValue:
    """Add a source document that arrived after posting."""
    actor = me()
    voucher_id = voucher_or_404(actor, month, word, number)
    if not may_add_papers(actor):
        raise PermissionMissing("ledger.draft")  # before anything is stored
    papers, problems = keep_papers(actor)
    if problems:
        return _voucher_page(voucher_id, [sentence(problem) for problem in problems], 422)
    count, refused = act(partial(add_papers, actor=actor, voucher_id=voucher_id, papers=papers))
    if refused or count is None:
        return _voucher_page(voucher_id, refused, 422)
    message = ngettext("%(num)s source document is added.", "%(num)s source documents are added.", count)
    return done(message, voucher_url(month_or_404(month), word, number))


@blueprint.get(f"/vouchers/<month>/<word>/<{NUMBER}:number>.pdf")
@permission_required("ledger.read")
def print_voucher(month: str, word: str, number: int) -> ResponseReturnValue:
    """Print one voucher, on its own sheet or on A4."""
    voucher_id = voucher_or_404(me(), month, word, number)
    return _pdf([voucher_id], f"voucher-{month}-{number:04d}")


@blueprint.get("/vouchers.pdf")
@permission_required("ledger.read")
def print_many() -> ResponseReturnValue:
    """Print the marked vouchers, or those of a month from one number to another."""
    actor, args = me(), request.args
    marked = [key for key in map(key_of, args.getlist("ids")) if key is not None]
    month, word = month_or_none(args.get("month", "")), args.get("word", "")
    name = "vouchers"
    if not marked and month is not None and word:
        first, last = _number_arg("first", 1), _number_arg("last", 9_999_999)
        marked = vouchers_between(reading(), actor.org_id, month, word, first, last)
        name = f"vouchers-{month}"
    try:
        return _pdf(marked, name)
    except Refused as refused:
        return _vouchers_page(problems_of(refused), 422)


def _number_arg(name: str, default: int) -> int:
    """Return a voucher number of the address."""
    text = request.args.get(name, "").rpartition("-")[2].strip()
    return min(key_of(text) or default, 9_999_999)


def _pdf(voucher_ids: Sequence[int], name: str) -> Response:
    """Return vouchers as a file to look at or print."""
    paper: Paper = "a4" if request.args.get("paper") == "a4" else "voucher"
    body = print_vouchers(reading(), me().org_id, voucher_ids, paper=paper, is_demo=settings().is_demo)
    return Response(
        body,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}.pdf"'},
    )


@blueprint.get("/attachments/<sha256>")
@permission_required("ledger.read")
def attachment(sha256: str) -> ResponseReturnValue:
    """Show or hand over a source document; a file that was read in asks why first."""
    actor = me()
    imported = file_of_bytes(reading(), actor.org_id, sha256)
    if imported is not None:
        return redirect(url_for("imports.original", number=imported.public_no), 303)
    try:
        row, body = read_attachment(
            reading(), org_id=actor.org_id, sha256=sha256, data_dir=settings().data_dir
        )
    except Refused as refused:
        if "attachment_unknown" in refused.codes:
            abort(404)
        raise
    kind = media_type(body, row.name)
    is_shown = kind == row.media_type and kind in SHOWN and "download" not in request.args
    return file_answer(body, row.name, kind, is_shown=is_shown)
