"""The own second factors: an app, passkeys, recovery codes.

Each change asks for the password and, where a second factor is held already, for that as
well: the password and a stolen cookie alone neither add a factor nor take one away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session

from charity.db import db, transact
from charity.documents.qr import svg_path
from charity.errors import N_, Problem, Refused
from charity.oplog.service import record
from charity.users import factors, passkeys, policies, sessions
from charity.users.door_routes import blueprint
from charity.users.entry_routes import (
    check_own_password,
    floor,
    private,
    question_for,
    refusal_status,
    show_factor,
    site,
    tell,
    this_session,
)
from charity.users.factors import Factors
from charity.users.forms import AgainForm, AppForm, KeepPasskeyForm, PasskeyForm
from charity.users.profile_routes import ID
from charity.web.access import signed_in
from charity.web.acts import done, status_of
from charity.web.context import current_actor, current_org, now, today
from charity.web.render import render


@dataclass(frozen=True, slots=True)
class Shown:
    """What a login that has a second factor is to show before it is changed.

    Attributes:
        form: with the field of the code, and of the answer of a passkey.
        kinds: what can be shown: app, passkey, recovery_code; empty before the first factor.
        question: what the browser asks a passkey, as JSON; empty for none.
    """

    form: AgainForm
    kinds: tuple[str, ...] = ()
    question: str = ""


@dataclass(frozen=True, slots=True)
class FactorsPage:
    """The own second factors.

    Attributes:
        factors: what is set up.
        is_demanded: whether the organisation asks this login for one.
        must_enrol: whether nothing else is open until one is set up.
        may_passkey: whether passkeys work at this address.
        form: the password again, to begin with an app.
        shown: the second factor again; None where no app can be added.
    """

    factors: Factors
    is_demanded: bool
    must_enrol: bool
    may_passkey: bool
    form: AgainForm
    shown: Shown | None


@dataclass(frozen=True, slots=True)
class AppPage:
    """The code to scan, and the first digits.

    Attributes:
        form: for the digits.
        secret: to type where nothing can be scanned, in groups of four.
        side: modules of the picture's side.
        path: the picture, an SVG path.
    """

    form: AppForm
    secret: str
    side: int
    path: str


@dataclass(frozen=True, slots=True)
class PasskeyPage:
    """Adding a passkey.

    Attributes:
        form: password and name, or the answer of the device.
        question: what the browser hands to the device, as JSON; empty in the first step.
        name: what the person calls it.
        shown: the second factor again, in the first step.
    """

    form: PasskeyForm | KeepPasskeyForm
    question: str = ""
    name: str = ""
    shown: Shown | None = None


@dataclass(frozen=True, slots=True)
class CodesPage:
    """Recovery codes, shown this once; empty: the form that makes new ones."""

    codes: tuple[str, ...]
    form: AgainForm | None = None
    shown: Shown | None = None


@dataclass(frozen=True, slots=True)
class RemovePage:
    """Removing a second factor: the password and a factor again, and what is removed."""

    form: AgainForm
    name: str
    shown: Shown


def _me() -> object:
    return current_user._get_current_object()


def _is_demanded() -> bool:
    return policies.is_demanded_of(db.session(), user_id=current_user.id, floor=floor(), on=today())


def _told(own: Session, sentence: str) -> None:
    """Tell the person by mail that a second factor was changed."""
    tell(own, current_user.id, N_("Your second factor was changed"), sentence)


def _set_up(own: Session, *, is_first: bool) -> None:
    """Tell of what was set up; the first factor counts as shown, and the person may go on."""
    if is_first:
        sessions.prove(own, session_id=this_session().id, at=now())
    _told(own, N_("a second factor was added to your login."))


def _held() -> Factors:
    return factors.factors_of(db.session(), current_user.id)


def _shown(form: AgainForm) -> Shown:
    """Return what a page asks for beside the password; nothing before the first factor."""
    form.factor_credential.data = ""  # an answer is good for one try
    held = _held()
    if not held.is_any:
        return Shown(form)
    return Shown(form, tuple(factors.known_kinds(held)), question_for(_me(), this_session().id))


def _check_again(form: AgainForm) -> None:
    """Take the password and, where one is held, a second factor, which counts as shown just now.

    Raises:
        Refused: ``factor_again``, and the problems of :func:`check_own_password` and
            :func:`show_factor`.
    """
    check_own_password(_me(), form.current.data)
    if not _held().is_any:
        return
    code, credential = form.factor_code.data or "", form.factor_credential.data or ""
    if not code and not credential:
        raise Refused(Problem("factor_again", {}, "factor_code"))
    actor, own_id = current_actor(), this_session().id
    kind = show_factor(_me(), own_id, code, credential)

    def work(own: Session) -> None:
        sessions.prove(own, session_id=own_id, at=actor.at)
        record(own, actor=actor, act="users.prove", factor=kind)

    transact(work)


@blueprint.get("/office/profile/second-factor")
@signed_in
def second_factor() -> ResponseReturnValue:
    """Show a member the own second factors."""
    return _factors_page(AgainForm(formdata=None))


def _factors_page(form: AgainForm, status: int = 200) -> ResponseReturnValue:
    held = _held()
    page = FactorsPage(
        factors=held,
        is_demanded=_is_demanded(),
        must_enrol=this_session().must_enrol,
        may_passkey=site() is not None,
        form=form,
        shown=None if held.has_app else _shown(form),
    )
    return private(render("users/second_factor.html", page, status))


@blueprint.post("/office/profile/second-factor/app/begin")
@signed_in
def begin_app() -> ResponseReturnValue:
    """Make a secret for an app, once password and held factor were given again."""
    form = AgainForm()
    if not form.validate_on_submit():
        return _factors_page(form, 422)
    try:
        _check_again(form)
        transact(partial(factors.begin_app, actor=current_actor(), session_id=this_session().id))
    except Refused as refused:
        form.add_problems(refused.problems)
        return _factors_page(form, refusal_status(refused))
    return redirect(url_for("users.app"), 303)


@blueprint.route("/office/profile/second-factor/app", methods=["GET", "POST"])
@signed_in
def app() -> ResponseReturnValue:
    """Show the code to scan and take the first digits."""
    actor, own_id, form, codes = current_actor(), this_session().id, AppForm(), list[str]()

    def work(own: Session) -> None:
        codes[:] = factors.confirm_app(own, actor=actor, session_id=own_id, code=form.code.data)
        _set_up(own, is_first=bool(codes))

    if form.validate_on_submit():
        try:
            transact(work)
        except Refused as refused:
            form.add_problems(refused.problems)
        else:
            return _codes_or_done(tuple(codes))
    secret = factors.waiting_secret(db.session(), user_id=actor.user_id, session_id=own_id, at=actor.at)
    if secret is None:
        return redirect(url_for("users.second_factor"), 303)
    address = factors.otpauth_address(secret, username=current_user.username, issuer=current_org().short_name)
    side, path = svg_path(address)
    grouped = " ".join(secret[k : k + 4] for k in range(0, len(secret), 4))
    return private(render("users/app.html", AppPage(form, grouped, side, path), status_of(form)))


def _codes_or_done(codes: tuple[str, ...]) -> ResponseReturnValue:
    if codes:
        return private(render("users/recovery_codes.html", CodesPage(codes)))
    return done(_("The second factor was set up."), url_for("users.second_factor"))


@blueprint.route("/office/profile/second-factor/passkey", methods=["GET", "POST"])
@signed_in
def add_passkey() -> ResponseReturnValue:
    """Ask for password, held factor and name, then hand the device its question."""
    form, here, status = PasskeyForm(), site(), 0
    if form.validate_on_submit():
        try:
            if here is None:
                raise Refused(Problem("passkey_impossible"))
            _check_again(form)
            question = transact(
                partial(
                    passkeys.ask_to_make,
                    actor=current_actor(),
                    session_id=this_session().id,
                    username=current_user.username,
                    site=here,
                    org_name=current_org().short_name,
                )
            )
        except Refused as refused:
            form.add_problems(refused.problems)
            status = refusal_status(refused)
        else:
            keep = KeepPasskeyForm(formdata=None, name=form.name.data)
            page = PasskeyPage(keep, question, form.name.data)
            return private(render("users/add_passkey.html", page))
    page = PasskeyPage(form, shown=_shown(form))
    return private(render("users/add_passkey.html", page, status or status_of(form)))


@blueprint.post("/office/profile/second-factor/passkey/keep")
@signed_in
def keep_passkey() -> ResponseReturnValue:
    """Keep the key the device has made."""
    actor, here, form = current_actor(), site(), KeepPasskeyForm()
    try:
        if here is None or not form.validate_on_submit():
            raise Refused(Problem("passkey_refused"))
        own_id = this_session().id
        question = transact(partial(passkeys.take_question, session_id=own_id, purpose="make", at=actor.at))

        def work(own: Session) -> tuple[str, ...]:
            codes = passkeys.add_passkey(
                own,
                actor=actor,
                question=question,
                answer=form.credential.data or "",
                name=form.name.data or "",
                site=here,
            )
            _set_up(own, is_first=bool(codes))
            return codes

        codes = transact(work)
    except Refused as refused:
        again = PasskeyForm(formdata=None, name=form.name.data)
        again.add_problems(refused.problems)
        return private(render("users/add_passkey.html", PasskeyPage(again, shown=_shown(again)), 422))
    return _codes_or_done(codes)


@blueprint.route("/office/profile/second-factor/codes", methods=["GET", "POST"])
@signed_in
def recovery_codes() -> ResponseReturnValue:
    """Make new recovery codes in place of the old ones, once password and factor were given again."""
    form, status = AgainForm(), 0

    def work(own: Session) -> tuple[str, ...]:
        if not factors.factors_of(own, current_user.id).is_any:
            raise Refused(Problem("factor_missing"))
        codes = factors.make_codes(own, actor=current_actor())
        _told(own, N_("new recovery codes were made; the old ones do not work any more."))
        return codes

    if form.validate_on_submit():
        try:
            _check_again(form)
            codes = transact(work)
        except Refused as refused:
            form.add_problems(refused.problems)
            status = refusal_status(refused)
        else:
            return private(render("users/recovery_codes.html", CodesPage(codes)))
    page = CodesPage((), form, _shown(form))
    return private(render("users/recovery_codes.html", page, status or status_of(form)))


@blueprint.route("/office/profile/second-factor/app/remove", methods=["GET", "POST"])
@signed_in
def remove_app() -> ResponseReturnValue:
    """Remove the app, once password and factor were given again."""

    def work(own: Session) -> None:
        factors.remove_app(own, actor=current_actor(), is_demanded=_is_demanded())
        _told(own, N_("a second factor was removed from your login."))

    return _remove(_("app with six digits"), work)


@blueprint.route(f"/office/profile/second-factor/passkey/<{ID}:passkey_id>/remove", methods=["GET", "POST"])
@signed_in
def remove_passkey(passkey_id: int) -> ResponseReturnValue:
    """Remove a passkey, once password and factor were given again."""
    held = factors.factors_of(db.session(), current_user.id)
    name = next((row.name for row in held.passkeys if row.id == passkey_id), _("passkey"))

    def work(own: Session) -> None:
        passkeys.remove_passkey(own, actor=current_actor(), passkey_id=passkey_id, is_demanded=_is_demanded())
        _told(own, N_("a second factor was removed from your login."))

    return _remove(name, work)


def _remove(name: str, work: object) -> ResponseReturnValue:
    form, status = AgainForm(), 0
    if form.validate_on_submit():
        try:
            _check_again(form)
            transact(work)
        except Refused as refused:
            form.add_problems(refused.problems)
            status = refusal_status(refused)
        else:
            return done(_("The second factor was removed."), url_for("users.second_factor"))
    page = RemovePage(form, name, _shown(form))
    return private(render("users/remove_factor.html", page, status or status_of(form)))
