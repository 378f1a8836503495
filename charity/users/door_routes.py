"""The door: signing in and out, forgotten passwords, and what the shell asks about a login."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from flask import Blueprint, redirect, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_login import current_user, logout_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from charity.db import Actor, db, transact
from charity.errors import N_, Problem, Refused, register
from charity.jobs.service import register_actor_loader
from charity.messages.service import send_mail
from charity.users import credentials, factors, queries, rules, service, sessions, sign_in
from charity.users.entry_routes import (
    TOKEN,
    ask_for_second,
    let_in,
    may_try,
    nobody,
    private,
    remember_session,
    set_language,
    tell,
    this_session,
    uncount,
    unlock,
)
from charity.users.forms import ForgotForm, NewPasswordForm, SignInForm
from charity.users.links import LinkClaim, make_token, read_token
from charity.users.passwords import NewPassword, Passwords, new_password, passwords_for
from charity.users.queries import LoginUser
from charity.web import locale
from charity.web.access import name_permissions, public
from charity.web.context import now, settings, today
from charity.web.errors import note_refusal
from charity.web.filters import translated
from charity.web.render import Sentence, problems_of, render
from charity.web.routes import safe_next

__all__ = ["DoorPage", "blueprint", "link_of", "mail_link", "nobody", "private", "set_language"]

blueprint = Blueprint("users", __name__)

name_permissions(rules.PERMISSIONS)

PROBLEMS = register(
    {
        "sign_in_wrong": N_("Login name or password is not right."),
        "sign_in_locked": N_("Too many tries. Wait a quarter of an hour, or choose a new password."),
        "links_locked": N_("Too many links were asked for. Wait an hour, or ask an administrator."),
    }
)


def load_user(session_id: str) -> LoginUser | None:
    """Return the login of a session that has not ended; hook of the shell."""
    token = session.get(TOKEN)
    found = sessions.find(db.session(), token, now()) if isinstance(token, str) else None
    if found is None or found.stage != "whole" or found.user.get_id() != session_id:
        return None
    remember_session(found)
    return found.user


def load_permissions(user: LoginUser, org_id: int) -> tuple[frozenset[str], int | None]:
    """Return what a login may do in an org, and where it sits; hook of the shell."""
    found = queries.standing(db.session(), org_id, user.id, today())
    return (found.permissions, found.unit_id) if found else (frozenset(), None)


def role_label(user: LoginUser, org_id: int) -> str:
    """Return the roles of a login in words; hook of the shell."""
    found = queries.standing(db.session(), org_id, user.id, today())
    held = found.roles if found else frozenset()
    return "、".join(translated(role.label) for code, role in rules.ROLES.items() if code in held)


@blueprint.record_once
def install(state: BlueprintSetupState) -> None:
    """Tell the shell, and the jobs, how logins are found."""
    state.app.extensions["charity.user_loader"] = load_user
    state.app.extensions["charity.permissions"] = load_permissions
    state.app.extensions["charity.role_label"] = role_label
    register_actor_loader(queries.actor_of)


@dataclass(frozen=True, slots=True)
class DoorPage:
    """A page of the door.

    Attributes:
        form: what is to be filled in; None where nothing is left to do.
        problems: what stands above the form.
    """

    form: SignInForm | ForgotForm | NewPasswordForm | None
    problems: tuple[Sentence, ...] = ()


def _passwords() -> Passwords:
    return passwords_for(settings().environment)


def _door(
    template: str, form: SignInForm | ForgotForm | NewPasswordForm, *problems: Problem, status: int = 0
) -> Response:
    """Return a page of the door; what was typed into password fields never goes back."""
    shown = tuple(problems_of(Refused(*problems))) if problems else ()
    usual = 422 if problems or form.is_submitted() else 200
    return private(render(template, DoorPage(form, shown), status or usual))


@blueprint.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
@public
def door() -> ResponseReturnValue:
    """Let a member in."""
    form = SignInForm()
    if request.method == "GET":
        form.next.data = safe_next(request.args.get("next", ""))
    if not form.validate_on_submit():
        return _door("users/sign_in.html", form)
    username = credentials.fold_username(form.username.data)
    found = queries.credentials(db.session(), username)
    # What nobody is called may be a password in the wrong field.
    known = username if found else ""
    if not may_try("sign_in", username, credentials.SIGN_IN_TRIES):
        note_refusal("sign_in_locked", status=429, login=known)
        return _door("users/sign_in.html", form, Problem("sign_in_locked"), status=429)
    stored = found.password_hash if found and found.is_active else ""
    passwords, actor = _passwords(), nobody()
    try:
        is_right = passwords.matches(stored, form.password.data)
        is_outdated = is_right and passwords.is_outdated(stored)
        new_hash = passwords.hash(form.password.data) if is_outdated else ""
    except Refused as busy:
        # Nobody looked at the password: the try is not the person's to pay for.
        tries = credentials.SIGN_IN_TRIES
        transact(partial(uncount, name="sign_in", username=username, tries=tries))
        return _door("users/sign_in.html", form, *busy.problems, status=503)
    if not is_right or found is None:
        is_known = found is not None
        transact(partial(sign_in.record_refusal, actor=actor, username=username, is_known=is_known))
        note_refusal("sign_in_wrong", status=422, login=known)
        return _door("users/sign_in.html", form, Problem("sign_in_wrong"))
    wanted = form.next.data or ""
    if factors.factors_of(db.session(), found.user.id).is_any:
        return ask_for_second(found.user, wanted, new_hash)
    return let_in(found.user, wanted, new_hash=new_hash)


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Let a member out; also one who stands before an organisation he does not belong to."""
    user = current_user._get_current_object()
    if user.is_authenticated:
        actor = replace(nobody(), user_id=user.id, name=user.name)
        own_id, at = this_session().id, now()

        def work(own: Session) -> None:
            sign_in.record_sign_out(own, actor=actor, user=user)
            sessions.close(own, session_id=own_id, how="sign_out", at=at)

        transact(work)
    logout_user()
    session.clear()
    response = redirect(url_for("users.sign_in"), 303)
    # A shared machine: pages of the office leave the browser with the person.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def link_of(user: LoginUser, life: timedelta) -> str:
    """Return the whole address of a link to choose a password; the host is ours, not the request's."""
    token = make_token(
        settings().secret_key, username=user.username, epoch=user.session_epoch, at=now(), life=life
    )
    return settings().public_url + url_for("users.choose_password", token=token)


def tell_old_address(own: Session, actor: Actor, name: str, address: str) -> None:
    """Tell the address that was taken out that it was, so that nobody is cut off unawares."""
    body = _(
        "Hello %(name)s,\n\nan administrator took this mail address out of your login or put another one in"
        " its place. If you did not agree to that, tell the office at once.\n",
        name=name,
    )
    send_mail(
        own, actor=actor, to=address, subject=_("The mail address of your login was changed"), body=body
    )


def mail_link(own: Session, actor: Actor, user: LoginUser, address: str, life: timedelta) -> None:
    """Write the mail with a link, in the language of the person it goes to."""
    with force_locale(user.language or locale.DEFAULT):
        hours = life >= timedelta(hours=2)
        amount = life // timedelta(hours=1) if hours else life // timedelta(minutes=1)
        span = _("%(count)s hours", count=amount) if hours else _("%(count)s minutes", count=amount)
        body = _(
            "Hello %(name)s,\n\nopen this address to choose a password:\n\n%(link)s\n\n"
            "It works once and for %(span)s. If you did not ask for it, you need not do anything.\n",
            name=user.name,
            link=link_of(user, life),
            span=span,
        )
        subject = _("Choose a password")
    send_mail(own, actor=actor, to=address, subject=subject, body=body)


@blueprint.route("/password/forgot", methods=["GET", "POST"])
@public
def forgot_password() -> ResponseReturnValue:
    """Mail a link to whoever has forgotten the password; the answer is the same for everyone."""
    form = ForgotForm()
    if not form.validate_on_submit():
        return _door("users/forgot_password.html", form)
    username = credentials.fold_username(form.username.data)
    if not may_try("password_link", username, credentials.LINK_TRIES):
        return _door("users/forgot_password.html", form, Problem("links_locked"), status=429)
    actor = nobody()

    def ask(own: Session) -> None:
        found = sign_in.mailable_user(own, actor=actor, username=username)
        # Where no mail goes, one is written all the same and taken back: the answer takes as long.
        nobody_s = (LoginUser(0, username, username, 0, ""), "nobody@example.org")
        with own.begin_nested() as written:
            mail_link(own, actor, *(found or nobody_s), credentials.RESET_LIFE)
            if found is None:
                written.rollback()

    transact(ask)
    return private(render("users/link_sent.html", DoorPage(None)))


def _choose(own: Session, *, claim: LinkClaim, new: NewPassword) -> None:
    """Save a password chosen by link, open a locked name again, and tell the person by mail."""
    user = service.choose_password(own, actor=nobody(), claim=claim, new=new)
    unlock(own, user.username)
    tell(
        own, user.id, N_("Your password was changed"), N_("the password of your login was chosen by a link.")
    )


@blueprint.route("/password/choose/<token>", methods=["GET", "POST"])
@public
def choose_password(token: str) -> ResponseReturnValue:
    """Let a person choose a password through a link."""
    form, template = NewPasswordForm(), "users/choose_password.html"
    try:
        claim = read_token(settings().secret_key, token, now())
        found = queries.credentials(db.session(), claim.username)
        if found is None or not found.is_active or found.user.session_epoch != claim.epoch:
            raise Refused(Problem("link_expired"))
    except Refused as refused:
        page = DoorPage(None, tuple(problems_of(refused)))
        return private(render(template, page, 410))
    if not form.validate_on_submit():
        return _door(template, form)
    if form.new.data != form.again.data:
        form.add_problems([Problem("password_not_repeated", {}, "again")])
        return _door(template, form)
    try:
        chosen = new_password(_passwords(), claim.username, form.new.data)
        transact(partial(_choose, claim=claim, new=chosen))
    except Refused as refused:
        form.add_problems(refused.problems)
        return _door(template, form)
    logout_user()
    session.clear()
    return private(render("users/password_chosen.html", DoorPage(None)))
