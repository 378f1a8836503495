"""What the pages at the door share: who acts, from where, letting in, telling by mail.

Part of the shell; no page of its own.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial

from flask import redirect, request, session, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_login import current_user, login_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from charity.db import Actor, db, transact
from charity.errors import N_, Problem, Refused
from charity.messages.service import send_mail
from charity.periods import CHINA
from charity.users import door_rules, factors, passkeys, policies, queries, sessions, sign_in
from charity.users.credentials import SIGN_IN_TRIES, Tries
from charity.users.door_rules import Policy
from charity.users.passwords import passwords_for
from charity.users.queries import LoginUser
from charity.users.sessions import Found, Where
from charity.web import locale
from charity.web.context import current_org, now, settings, today
from charity.web.errors import note_refusal
from charity.web.limits import client_address, forget, give_back, spend
from charity.web.routes import safe_next

#: Keys of the session cookie: the token of a whole session, of a half one, where to go then.
TOKEN = "token"
HALF = "half"
WANTED = "wanted"
#: Environ key of the session of this request.
_FOUND = "charity.session"
#: The long-lived cookie by which a browser is known again; opens nothing.
_DEVICE_AGE_S = 180 * 24 * 3600
#: Name of the limit of pages that ask for the password again.
_AGAIN = "password_again"


def device_cookie() -> str:
    """Return the name of the cookie by which a browser is known again."""
    return "__Host-device" if settings().is_secure else "device"


def floor() -> Policy:
    """Return what the installation's settings ask at the door."""
    return Policy(settings().second_factor, settings().step_up_min)


def site() -> tuple[str, str] | None:
    """Return the name and origin passkeys are bound to; None where there can be none."""
    return door_rules.passkey_site(settings().public_url)


def nobody() -> Actor:
    """Return who acts when nobody is signed in."""
    return Actor(user_id=0, org_id=current_org().id, name="", permissions=frozenset(), at=now())


def acting(user: LoginUser) -> Actor:
    """Return a login as it acts at the door, where it holds no permission yet."""
    return Actor(user.id, current_org().id, user.name, frozenset(), now())


def private(response: Response) -> Response:
    """Keep a page with a form of secrets out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    return response


def remember_session(found: Found) -> None:
    """Keep the session of this request for the pages that ask."""
    request.environ[_FOUND] = found


def this_session() -> Found:
    """Return the session of this request; there is one wherever somebody is signed in."""
    found: Found = request.environ[_FOUND]
    return found


def set_language(response: Response, code: str) -> None:
    """Let the browser ask for a language from now on; empty forgets it."""
    if code:
        _set_cookie(response, locale.COOKIE, code, locale.COOKIE_AGE_S)
    else:
        response.delete_cookie(locale.COOKIE, path="/")


def _set_cookie(response: Response, name: str, value: str, age_s: int) -> None:
    response.set_cookie(
        name, value, max_age=age_s, path="/", secure=settings().is_secure, httponly=True, samesite="Lax"
    )


def stay_signed_in(epoch: int) -> None:
    """Let this session, with a new token, outlive an act that ended every session of the login."""
    session[TOKEN] = transact(partial(sessions.carry_on, session_id=this_session().id, epoch=epoch))
    login_user(replace(current_user._get_current_object(), session_epoch=epoch))


def where_from() -> Where:
    """Return from where this request comes; the token is new for a browser not seen before."""
    known = request.cookies.get(device_cookie(), "")
    token = known if len(known) == 43 else secrets.token_urlsafe(32)
    device = door_rules.device_words(request.headers.get("User-Agent", "")[:400])
    return Where(device, token, client_address())


def ask_for_second(user: LoginUser, wanted: str, new_hash: str) -> Response:
    """Begin the second step of a sign-in whose password was right."""
    where, at = where_from(), now()

    def work(own: Session) -> str:
        uncount(own, "sign_in", user.username, SIGN_IN_TRIES)
        sign_in.record_first_step(own, actor=acting(user), user=user, new_hash=new_hash)
        return sessions.begin(own, user=user, where=where, stage="half", at=at)

    token = transact(work)
    session.clear()
    session[HALF], session[WANTED] = token, safe_next(wanted)
    return redirect(url_for("users.second_step"), 303)


def let_in(user: LoginUser, wanted: str, *, factor: str = "", new_hash: str = "") -> Response:
    """Begin a whole session: a fresh token, a line in the log, a mail when the device is new.

    Args:
        user: who signs in.
        wanted: the page wanted; empty for the desk.
        factor: the second factor shown; empty for none.
        new_hash: the password's hash at today's cost, if it was made anew.
    """
    where, at = where_from(), now()

    def work(own: Session) -> str:
        if not factor:
            uncount(own, "sign_in", user.username, SIGN_IN_TRIES)
        is_new = sessions.is_new_device(own, user_id=user.id, device_token=where.device_token)
        demanded = policies.is_demanded_of(own, user_id=user.id, floor=floor(), on=today())
        must_enrol = demanded and not factors.factors_of(own, user.id).is_any
        token = sessions.begin(
            own,
            user=user,
            where=where,
            stage="whole",
            at=at,
            proved_at=at if factor else None,
            must_enrol=must_enrol,
        )
        sign_in.record_sign_in(own, actor=acting(user), user=user, new_hash=new_hash, factor=factor)
        if is_new:
            _tell_of_device(own, user, where)
        return token

    token = transact(work)
    session.clear()  # a new token for forms, nothing of who sat here before
    session[TOKEN] = token
    login_user(user)
    response = redirect(safe_next(wanted) or url_for("web.office"), 303)
    if user.language in locale.LANGUAGES:
        set_language(response, user.language)
    _set_cookie(response, device_cookie(), where.device_token, _DEVICE_AGE_S)
    return response


def _tell_of_device(own: Session, user: LoginUser, where: Where) -> None:
    """Write the mail about a sign-in from a browser not seen before."""
    with force_locale(user.language or locale.DEFAULT):
        sentence = _(
            "your login was used from a new device: %(device)s, address %(address)s,"
            " at %(at)s (Beijing time).",
            device=where.device or _("unknown browser"),
            address=where.address,
            at=f"{now().astimezone(CHINA):%Y-%m-%d %H:%M}",
        )
    tell(own, user.id, N_("Sign-in from a new device"), sentence)


def tell(own: Session, user_id: int, subject: str, sentence: str) -> None:
    """Write a mail about the own login to its person; nothing for those without an address.

    Args:
        own: the writing session of the act.
        user_id: whose login.
        subject: English message id.
        sentence: what happened: an English message id, or in the person's language already.
    """
    found = queries.mail_of(own, user_id)
    if found is None:
        return
    login, address = found
    with force_locale(login.language or locale.DEFAULT):
        body = _(
            "Hello %(name)s,\n\n%(sentence)s\n\n"
            "If it was not you, change your password, end the other sessions in your profile,"
            " and tell an administrator at once.\n",
            name=login.name,
            sentence=_(sentence),
        )
        subject = _(subject)
    send_mail(own, actor=acting(login), to=address, subject=subject, body=body)


def _subjects(name: str, username: str, tries: Tries) -> list[tuple[str, str, int]]:
    """Return what a try counts for: name of the limit, subject, tries allowed.

    The address comes first, so that one which has no tries left locks nobody's name.
    """
    address = client_address()
    return [
        (f"{name}_address", address, tries.address),
        (f"{name}_here", f"{username}\0{address}", tries.name_here),
        (name, username, tries.name),
    ]


def may_try(name: str, username: str, tries: Tries) -> bool:
    """Count one try at a login name and from this address; say whether it is still allowed."""
    at, subjects = now(), _subjects(name, username, tries)

    def count(own: Session) -> bool:
        limit = partial(spend, own, window_s=tries.window_s, at=at)
        return all(limit(name=key, subject=subject, limit=most) for key, subject, most in subjects)

    return transact(count)


def uncount(own: Session, name: str, username: str, tries: Tries) -> None:
    """Take back a try that was right, or never looked at: it locks nobody out."""
    for key, subject, _most in _subjects(name, username, tries):
        give_back(own, name=key, subject=subject, window_s=tries.window_s, at=now())


def unlock(own: Session, username: str) -> None:
    """Open the sign-in of a name that was locked: a new password was chosen by a link.

    What is counted of the network address alone goes on: it belongs to everybody behind it.
    """
    for key, subject, _most in _subjects("sign_in", username, SIGN_IN_TRIES)[1:]:
        forget(own, name=key, subject=subject)


def show_factor(user: LoginUser, session_id: int, code: str, credential: str) -> str:
    """Take a code or the answer of a passkey; return which kind of factor it was.

    Raises:
        Refused: ``factor_locked``, ``factor_wrong``, ``passkey_refused``.
    """
    actor, at, here = acting(user), now(), site()
    if not may_try("second_factor", user.username, door_rules.FACTOR_TRIES):
        note_refusal("factor_locked", status=429, login=user.username)
        raise Refused(Problem("factor_locked"))
    try:
        if credential and here is not None:
            question = transact(partial(passkeys.take_question, session_id=session_id, purpose="show", at=at))
            transact(
                partial(
                    passkeys.use_passkey,
                    user_id=user.id,
                    question=question,
                    answer=credential,
                    site=here,
                    at=at,
                )
            )
            return "passkey"
        kind = transact(partial(factors.use_code, actor=actor, code=code[:100]))
    except Refused:
        transact(partial(factors.record_refused, actor=actor, username=user.username))
        note_refusal("factor_wrong", status=403, login=user.username)
        raise
    if kind == "recovery_code":
        left = factors.factors_of(db.session(), user.id).codes_left
        with force_locale(user.language or locale.DEFAULT):
            sentence = _("a recovery code of your login was used; %(left)s are left.", left=left)
        transact(partial(tell, user_id=user.id, subject=N_("A recovery code was used"), sentence=sentence))
    return kind


def question_for(user: LoginUser, session_id: int) -> str:
    """Return what the browser asks a passkey, as JSON; empty where there is none to ask."""
    here = site()
    if here is None or not factors.factors_of(db.session(), user.id).passkeys:
        return ""
    return transact(
        partial(passkeys.ask_to_show, user_id=user.id, session_id=session_id, site=here, at=now())
    )


def refusal_status(refused: Refused) -> int:
    """Return the status of a page that shows a refusal: 429 where no try is left, 503 while busy."""
    codes = refused.codes
    if "password_locked" in codes or "factor_locked" in codes:
        return 429
    return 503 if "sign_in_busy" in codes else 422


def check_own_password(user: LoginUser, text: str) -> LoginUser:
    """Make sure that whoever sits here knows the password; return the login it was checked for.

    Tries are counted, of all pages that ask together, and refused ones are logged: an open
    desk or a stolen cookie is not to find out the password here.

    Raises:
        Refused: ``password_locked``, ``password_wrong``, ``sign_in_busy``.
    """
    if not may_try(_AGAIN, user.username, door_rules.FACTOR_TRIES):
        raise Refused(Problem("password_locked", {}, "current"))
    found = queries.credentials(db.session(), user.username)
    try:
        is_right = passwords_for(settings().environment).matches(found.password_hash if found else "", text)
    except Refused:
        transact(partial(uncount, name=_AGAIN, username=user.username, tries=door_rules.FACTOR_TRIES))
        raise
    if found is None or not is_right:
        transact(partial(sign_in.record_wrong_password, actor=acting(user), username=user.username))
        raise Refused(Problem("password_wrong", {}, "current"))
    transact(partial(uncount, name=_AGAIN, username=user.username, tries=door_rules.FACTOR_TRIES))
    return found.user
