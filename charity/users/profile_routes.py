"""The own profile: name and roles, password, language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy.orm import Session

from charity.db import db, transact
from charity.errors import N_, Problem, Refused
from charity.places.queries import get_unit
from charity.users import queries, rules, service, sessions
from charity.users.door_routes import blueprint, private, set_language
from charity.users.entry_routes import (
    check_own_password,
    refusal_status,
    stay_signed_in,
    tell,
    this_session,
)
from charity.users.factors import Factors, factors_of
from charity.users.forms import ChangePasswordForm, LanguageForm
from charity.users.passwords import new_password, passwords_for
from charity.users.sessions import SessionRow
from charity.web import navigation
from charity.web.access import signed_in
from charity.web.acts import carried_out, done, status_of
from charity.web.context import current_actor, now, settings, today
from charity.web.filters import translated
from charity.web.locale import LANGUAGES
from charity.web.render import render

#: Converter of a row's key in an address.
ID = "int(max=9223372036854775807)"

navigation.register("office", "users.profile", N_("Own profile"), None, order=90, group="settings")


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """The own login.

    Attributes:
        name: the name signed with.
        username: the login name.
        roles: in words.
        unit: where one sits; empty for the whole organisation.
        form: to choose the language.
        factors: the second factors set up.
        sessions: the sessions that last, the latest seen first.
    """

    name: str
    username: str
    roles: str
    unit: str
    form: LanguageForm
    factors: Factors
    sessions: tuple[SessionRow, ...]


@dataclass(frozen=True, slots=True)
class PasswordPage:
    """The form that changes the own password."""

    form: ChangePasswordForm


def role_name(code: str) -> str:
    """Return a role in words."""
    role = rules.ROLES.get(code)
    return translated(role.label) if role else code


def role_names(codes: Iterable[str]) -> str:
    """Return several roles in words, in the order of the table of roles."""
    held = set(codes)
    return "、".join(role_name(code) for code in rules.ROLES if code in held) or "–"


@blueprint.route("/office/profile", methods=["GET", "POST"])
@signed_in
def profile() -> ResponseReturnValue:
    """Show a member the own login, and let it choose the language of its pages and mails."""
    actor, user = current_actor(), current_user._get_current_object()
    form = LanguageForm(language=user.language)
    work = partial(service.choose_language, actor=actor, known=frozenset(LANGUAGES))
    if carried_out(form, lambda own: work(own, language=form.language.data or "")):
        response = redirect(url_for("users.profile"), 303)
        set_language(response, form.language.data or "")
        return response
    found = queries.standing(db.session(), actor.org_id, user.id, today())
    unit = get_unit(db.session(), actor.unit_id) if actor.unit_id else None
    page = ProfilePage(
        name=user.name,
        username=user.username,
        roles=role_names(found.roles if found else ()),
        unit=unit.name if unit else "",
        form=form,
        factors=factors_of(db.session(), user.id),
        sessions=tuple(
            sessions.list_open(db.session(), user_id=user.id, current_id=this_session().id, at=now())
        ),
    )
    return render("users/profile.html", page, status_of(form))


@blueprint.route("/office/profile/password", methods=["GET", "POST"])
@signed_in
def change_password() -> ResponseReturnValue:
    """Let a member change the password; all other sessions of this login end."""
    form, template = ChangePasswordForm(), "users/change_password.html"
    if not form.validate_on_submit():
        return private(render(template, PasswordPage(form), status_of(form)))
    try:
        epoch = _change_password(form)
    except Refused as refused:
        form.add_problems(refused.problems)
        return private(render(template, PasswordPage(form), refusal_status(refused)))
    stay_signed_in(epoch)
    return done(
        _("The password was changed; other sessions of your login have ended."), url_for("users.profile")
    )


def _change_password(form: ChangePasswordForm) -> int:
    """Change the own password and tell the person by mail; return the new session epoch.

    Raises:
        Refused: ``password_not_repeated``, ``password_locked``, ``password_wrong``,
            ``sign_in_busy`` and the problems of a new password.
    """
    actor = current_actor()
    if form.new.data != form.again.data:
        raise Refused(Problem("password_not_repeated", {}, "again"))
    seen = check_own_password(current_user._get_current_object(), form.current.data)
    chosen = new_password(passwords_for(settings().environment), seen.username, form.new.data)

    def work(own: Session) -> int:
        user = service.change_password(own, actor=actor, seen_epoch=seen.session_epoch, new=chosen)
        tell(own, user.id, N_("Your password was changed"), N_("the password of your login was changed."))
        return user.session_epoch

    return transact(work)


@blueprint.post(f"/office/profile/sessions/<{ID}:session_id>/end")
@signed_in
def end_session(session_id: int) -> ResponseReturnValue:
    """Let a member end one session of the own login, e.g. on a phone that was lost."""
    transact(partial(sessions.end_own, actor=current_actor(), session_id=session_id))
    return done(_("The session was ended."), url_for("users.profile"))


@blueprint.post("/office/profile/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    """Let a member end all sessions of the own login but this one."""
    count = transact(partial(sessions.end_others, actor=current_actor(), current_id=this_session().id))
    message = ngettext("%(num)s other session was ended.", "%(num)s other sessions were ended.", count)
    return done(message, url_for("users.profile"))
