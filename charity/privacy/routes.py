"""Pages of requests of data persons: the register, one request, the copy that is handed over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import pgettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from charity.db import Actor, db, transact
from charity.errors import N_
from charity.oplog.queries import story
from charity.oplog.routes import LogLine, shown_lines
from charity.privacy import queries, rules, service
from charity.privacy.forms import AnswerForm, RefusalForm, RequestForm, VerifyForm
from charity.privacy.queries import RequestFacts, RequestRow
from charity.privacy.rules import Holding
from charity.web import desk, navigation
from charity.web.access import permission_required, signed_in
from charity.web.acts import carried_out, done, status_of
from charity.web.context import current_actor, now, today
from charity.web.filters import translated
from charity.web.render import FileColumn, exports, render, table_rule

blueprint = Blueprint("privacy", __name__, url_prefix="/office")

navigation.register(
    "office", "privacy.requests", N_("Requests of data persons"), "privacy.read", order=30, group="settings"
)


def _waiting(session: Session, actor: Actor) -> list[desk.Waiting]:
    """Tell the overview which requests wait for the reader; the law gives them thirty days."""
    found = []
    for permission, state, label in (
        ("privacy.handle", "received", _("Requests of data persons: make sure who asks")),
        ("privacy.decide", "verified", _("Requests of data persons to decide")),
    ):
        if actor.may(permission) and (count := queries.count_in_state(session, actor.org_id, state)):
            found.append(desk.Waiting(label, url_for("privacy.requests"), count))
    return found


desk.register("privacy", _waiting, order=60)


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """The register.

    Attributes:
        rows: open requests first.
        kinds, states, subjects: their keys in words.
        may_handle: whether the reader writes requests down.
    """

    rows: tuple[RequestRow, ...]
    kinds: dict[str, str]
    states: dict[str, str]
    subjects: dict[str, str]
    may_handle: bool


@dataclass(frozen=True, slots=True)
class FormPage:
    """The form of a new request."""

    form: RequestForm


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request.

    Attributes:
        request: in full.
        kind, state, subject, refusal: in words.
        article: of the law the request rests on.
        source: of the reason of a refusal.
        deadline: where the last day comes from.
        erased, kept: what a deletion takes away, and what a law keeps.
        verify, answer, refuse: forms of the acts open to the reader; None for the others.
        may_withdraw: whether the reader may note a withdrawal.
        may_hand_over: whether the copy may be handed over.
        is_recorder: whether the reader wrote the request down and so does not decide.
        story: what was done with it.
    """

    request: RequestFacts
    kind: str
    state: str
    subject: str
    refusal: str
    article: str
    source: str
    deadline: str
    erased: tuple[Holding, ...]
    kept: tuple[Holding, ...]
    verify: VerifyForm | None
    answer: AnswerForm | None
    refuse: RefusalForm | None
    may_withdraw: bool
    may_hand_over: bool
    is_recorder: bool
    story: tuple[LogLine, ...]


def _words(table: dict[str, Any]) -> dict[str, str]:
    return {key: translated(label if isinstance(label, str) else label[0]) for key, label in table.items()}


@table_rule(blueprint, "/data-requests")
@permission_required("privacy.read")
def requests(fmt: str) -> ResponseReturnValue:
    """Show the office every request of a data person and which is due."""
    actor = current_actor()
    rows = tuple(queries.list_requests(db.session(), actor.org_id, today()))
    if fmt != "html":
        columns = [
            FileColumn("public_no", _("Number")),
            FileColumn("subject_kind", _("Who asks")),
            FileColumn("kind", _("Kind of request")),
            FileColumn("state", _("State")),
            FileColumn("received_on", pgettext("request", "Received on"), "date"),
            FileColumn("due_on", _("Due on"), "date"),
        ]
        return exports(rows, columns, "data-requests", fmt)
    page = RegisterPage(
        rows,
        _words(dict(rules.KINDS)),
        _words(dict(rules.STATES)),
        _words(dict(rules.SUBJECTS)),
        actor.may("privacy.handle"),
    )
    return render("privacy/requests.html", page)


@blueprint.route("/new-data-request", methods=["GET", "POST"])
@permission_required("privacy.handle")
def new_request() -> ResponseReturnValue:
    """Let the office write down what a person asks for."""
    actor, on, form, made = current_actor(), today(), RequestForm(received_on=today()), list[str]()

    def work(own: Session) -> None:
        wish = service.Wish(
            form.subject_kind.data,
            form.subject_no.data,
            form.kind.data,
            form.wish.data or "",
            form.received_on.data,
        )
        made[:] = [service.record_request(own, actor=actor, wish=wish, on=on).public_no]

    if carried_out(form, work):
        message = _("The request was written down. Make sure who asks.")
        return done(message, url_for("privacy.request", public_no=made[0]))
    return render("privacy/new_request.html", FormPage(form), status_of(form))


def _found(public_no: str) -> RequestFacts:
    found = queries.find_request(db.session(), current_actor().org_id, public_no, today())
    if found is None:
        abort(404)
    return found


def _may(found: RequestFacts, act: str) -> bool:
    actor = current_actor()
    is_recorder = found.recorded_by_id == actor.user_id
    return not rules.check_act(found.row.state, act, permissions=actor.permissions, is_recorder=is_recorder)


def _may_hand_over(found: RequestFacts) -> bool:
    actor, row = current_actor(), found.row
    return not rules.check_hand_over(
        row.subject_kind,
        row.kind,
        row.state,
        permissions=actor.permissions,
        days=(now() - found.decided_at).days if found.decided_at else 0,
        is_handed_over=queries.is_handed_over(db.session(), actor.org_id, row.public_no),
    )


def _shown(found: RequestFacts, status: int = 200, **forms: Any) -> ResponseReturnValue:
    """Return the page of a request, with the forms of the acts open to the reader."""
    actor, row = current_actor(), found.row
    erased, kept = rules.erased_and_kept(row.subject_kind) if row.kind == "erase" else ((), ())
    refusal, source = rules.REASONS.get(found.refusal, ("", ""))
    open_forms = {
        "verify": forms.get("verify") or VerifyForm(formdata=None),
        "answer": forms.get("fulfil") or AnswerForm(formdata=None),
        "refuse": forms.get("refuse") or RefusalForm(formdata=None),
    }
    acts = {"verify": "verify", "answer": "fulfil", "refuse": "refuse"}
    page = RequestPage(
        request=found,
        kind=translated(rules.KINDS[row.kind][0]),
        state=translated(rules.STATES[row.state]),
        subject=translated(rules.SUBJECTS[row.subject_kind]),
        refusal=translated(refusal) if refusal else "",
        article=rules.KINDS[row.kind][1],
        source=source,
        deadline=rules.DEADLINES[-1].source,
        erased=erased,
        kept=kept,
        **{name: open_forms[name] if _may(found, act) else None for name, act in acts.items()},
        may_withdraw=_may(found, "withdraw"),
        may_hand_over=_may_hand_over(found),
        is_recorder=found.recorded_by_id == actor.user_id,
        story=shown_lines(story(db.session(), actor.org_id, "data_request", row.public_no)),
    )
    response = render("privacy/request.html", page, status)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/data-requests/<public_no>")
@permission_required("privacy.read")
def request(public_no: str) -> ResponseReturnValue:
    """Show one request and what may be done with it now."""
    return _shown(_found(public_no))


def _act(public_no: str, name: str, form: Any, work: Any, message: str) -> ResponseReturnValue:
    """Do one act of a form on a request."""
    found = _found(public_no)
    if carried_out(form, work):
        return done(message, url_for("privacy.request", public_no=found.row.public_no))
    return _shown(found, 422, **{name: form})


@blueprint.post("/data-requests/<public_no>/verify")
@permission_required("privacy.handle")
def verify(public_no: str) -> ResponseReturnValue:
    """Note how the person showed who it is."""
    form = VerifyForm()
    work = partial(service.verify_identity, actor=current_actor(), public_no=public_no)
    return _act(public_no, "verify", form, lambda own: work(own, how=form.how.data), _("It was noted."))


@blueprint.post("/data-requests/<public_no>/fulfil")
@permission_required("privacy.decide")
def fulfil(public_no: str) -> ResponseReturnValue:
    """Grant a request; a deletion is carried out at once."""
    form = AnswerForm()
    work = partial(service.fulfil_request, actor=current_actor(), public_no=public_no, on=today())
    return _act(
        public_no,
        "fulfil",
        form,
        lambda own: work(own, answer=form.answer.data),
        _("The request was granted."),
    )


@blueprint.post("/data-requests/<public_no>/refuse")
@permission_required("privacy.decide")
def refuse(public_no: str) -> ResponseReturnValue:
    """Refuse a request, with the reason the law asks for."""
    form = RefusalForm()
    work = partial(service.refuse_request, actor=current_actor(), public_no=public_no)
    return _act(
        public_no,
        "refuse",
        form,
        lambda own: work(own, reason=form.reason.data, answer=form.answer.data),
        _("The request was refused."),
    )


@blueprint.post("/data-requests/<public_no>/withdraw")
@permission_required("privacy.handle")
def withdraw(public_no: str) -> ResponseReturnValue:
    """Note that the person has withdrawn the request."""
    found = _found(public_no)
    number = found.row.public_no
    transact(partial(service.withdraw_request, actor=current_actor(), public_no=number))
    return done(_("The withdrawal was noted."), url_for("privacy.request", public_no=number))


def _file(kind: str, sections: dict[str, Any], name: str) -> Response:
    """Return a copy of what is held as a file a person can read too."""
    body = {
        "about": translated(rules.SUBJECTS[kind]),
        "made_at": now().isoformat(),
        "held": [
            {
                "what": translated(one.label),
                "kept_by": one.kept_by,
                "kept_for": translated(one.kept_for) if one.kept_for else "",
                "rows": sections[one.key],
            }
            for one in rules.HOLDINGS[kind]
        ],
    }
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return Response(
        text,
        content_type="application/json; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.json"',
            "Cache-Control": "no-store",
        },
    )


@blueprint.post("/data-requests/<public_no>/copy")
@permission_required("privacy.handle")
def hand_over(public_no: str) -> ResponseReturnValue:
    """Hand over the copy of what is held, once; it is logged."""
    number = _found(public_no).row.public_no
    row, sections = transact(partial(service.copy_for, actor=current_actor(), public_no=number))
    return _file(row.subject_kind, sections, number)


@blueprint.post("/profile/copy")
@signed_in
def own_copy() -> ResponseReturnValue:
    """Hand a member what is held about the own login."""
    sections = transact(partial(service.own_copy, actor=current_actor()))
    return _file("user", sections, "my-data")
