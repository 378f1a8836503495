"""The outbox, the people to phone, and the delivery that a worker runs now and then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask import Blueprint, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from charity.config import Settings
from charity.db import db, transact
from charity.errors import N_
from charity.ids import key_of
from charity.messages import delivery, gateway, queries, rules, service
from charity.messages.forms import CallForm, OutboxFilter
from charity.messages.gateway import SmsGateway
from charity.messages.queries import MessageRow
from charity.messages.service import CallSheet
from charity.web import navigation
from charity.web.access import permission_required
from charity.web.acts import carried_out, done
from charity.web.context import current_actor, now, settings
from charity.web.filters import translated
from charity.web.render import render

blueprint = Blueprint("messages", __name__)

navigation.register("office", "messages.outbox", N_("Outbox"), "messages.read", order=60, group="settings")
navigation.register(
    "office", "messages.calls", N_("People to phone"), "messages.send", order=20, group="today"
)


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """The outbox.

    Attributes:
        filter: the form of the filter.
        rows: one page, newest first.
        counts: (state, its word, how many) of the whole outbox.
        states: state → its word.
        kinds: kind → its word.
        older_url: the next page; empty on the last.
        newest_url: the first page; empty on it.
        may_send: whether the reader may send again.
        has_server: whether a mail server is set up.
    """

    filter: OutboxFilter
    rows: tuple[MessageRow, ...]
    counts: tuple[tuple[str, str, int], ...]
    states: dict[str, str]
    kinds: dict[str, str]
    older_url: str
    newest_url: str
    may_send: bool
    has_server: bool


@dataclass(frozen=True, slots=True)
class CallsPage:
    """The people to phone now, those who wait longest first.

    Attributes:
        rows: the calls.
        has_gateway: whether their words can be sent as text messages.
    """

    rows: tuple[MessageRow, ...]
    has_gateway: bool


@dataclass(frozen=True, slots=True)
class CallPage:
    """One call: number, words, and the form that reports it."""

    sheet: CallSheet
    form: CallForm


def deliver(_at: datetime) -> None:
    """Hand over the mails that are due; run by the worker inside an app context.

    Without a mail server they wait; without a gateway text messages do.
    """
    own, clock = settings(), current_app.config["CLOCK"]
    if own.smtp_url:
        delivery.deliver_due(transact, delivery.parse_server(own.smtp_url), sender=own.mail_from, clock=clock)
    if (sms := sms_gateway(own)) is not None:
        gateway.deliver_due(transact, sms, clock=clock)


def sms_gateway(own: Settings) -> SmsGateway | None:
    """Return the gateway for text messages, None when none is set up."""
    if not own.sms_url:
        return None
    return gateway.parse_gateway(own.sms_url, own.sms_token, own.sms_fields, own.sms_format)


@blueprint.get("/office/messages")
@permission_required("messages.read")
def outbox() -> ResponseReturnValue:
    """Show what was sent, what waits and what did not go out; nobody's address in clear."""
    actor, wanted = current_actor(), OutboxFilter(formdata=request.args)
    before = key_of(request.args.get("before", "")) or 0
    kind, state = wanted.kind.data or "", wanted.state.data or ""
    page = queries.outbox(db.session(), actor.org_id, kind=kind, state=state, before=before)
    states = {state: translated(label) for state, label in rules.STATE_LABELS.items()}
    counts = queries.count_by_state(db.session(), actor.org_id)
    kept = {"kind": kind, "state": state}
    shown = OutboxPage(
        filter=wanted,
        rows=page.rows,
        counts=tuple((state, states[state], count) for state, count in counts.items()),
        states=states,
        kinds={kind: translated(label) for kind, label in rules.KIND_LABELS.items()},
        older_url=url_for("messages.outbox", **kept, before=page.next_before) if page.next_before else "",
        newest_url=url_for("messages.outbox", **kept) if before else "",
        may_send=actor.may("messages.send"),
        has_server=bool(settings().smtp_url),
    )
    return render("messages/outbox.html", shown)


@blueprint.post("/office/messages/<int:message_id>/again")
@permission_required("messages.send")
def again(message_id: int) -> ResponseReturnValue:
    """Try a message that failed once more."""
    transact(partial(service.send_again, actor=current_actor(), message_id=message_id))
    return done(_("The message goes out with the next round."), url_for("messages.outbox"))


@blueprint.get("/office/calls")
@permission_required("messages.send")
def calls() -> ResponseReturnValue:
    """Show whom to phone: people without mail who were promised an answer."""
    rows = queries.calls_due(db.session(), current_actor().org_id, now())
    return render("messages/calls.html", CallsPage(rows, bool(settings().sms_url)))


@blueprint.post("/office/calls/<int:message_id>")
@permission_required("messages.send")
def call(message_id: int) -> ResponseReturnValue:
    """Show number and words for one call; that it was looked at stands in the log."""
    sheet = transact(partial(service.reveal_call, actor=current_actor(), message_id=message_id))
    return render("messages/call.html", CallPage(sheet, CallForm(formdata=None)))


@blueprint.post("/office/calls/<int:message_id>/sms")
@permission_required("messages.send")
def by_sms(message_id: int) -> ResponseReturnValue:
    """Send the words of a call as a text message."""
    if not settings().sms_url:
        abort(404)
    transact(partial(service.send_by_sms, actor=current_actor(), message_id=message_id))
    return done(_("The text message goes out with the next round."), url_for("messages.calls"))


@blueprint.post("/office/calls/<int:message_id>/told")
@permission_required("messages.send")
def told(message_id: int) -> ResponseReturnValue:
    """Note that the person was told."""
    return _report(message_id, is_reached=True, message=_("Noted: the person was told."))


@blueprint.post("/office/calls/<int:message_id>/unreached")
@permission_required("messages.send")
def unreached(message_id: int) -> ResponseReturnValue:
    """Note that the person was not reached; the call comes back in four hours."""
    return _report(message_id, is_reached=False, message=_("Noted: to be called again in four hours."))


def _report(message_id: int, *, is_reached: bool, message: str) -> ResponseReturnValue:
    actor, form = current_actor(), CallForm()
    work = partial(service.report_call, actor=actor, message_id=message_id, is_reached=is_reached)
    if carried_out(form, lambda session: work(session, note=form.note.data or "")):
        return done(message, url_for("messages.calls"))
    sheet = transact(partial(service.reveal_call, actor=actor, message_id=message_id))
    return render("messages/call.html", CallPage(sheet, form), 422)
