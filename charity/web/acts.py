"""One act of a form: validate, run it in one writing transaction, show what is refused.

The usual shape of a route:

    form = GrantForm()
    if carried_out(form, lambda session: service.grant_role(session, actor=…, …)):
        return done(_("The role was given."), url_for("users.person", …))
    return render("users/grant.html", GrantPage(form), status_of(form))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from charity.db import transact
from charity.errors import Refused
from charity.web.forms import BaseForm

T = TypeVar("T")


def carried_out(form: BaseForm, work: Callable[[Session], Any]) -> bool:
    """Run the act if the form was sent and can be read; say whether it was done.

    What the service refuses is put at the form's fields, every value stays.

    Args:
        form: of this request.
        work: the act, for :func:`charity.db.transact`.
    """
    if not form.validate_on_submit():
        return False
    try:
        transact(work)
    except Refused as refused:
        form.add_problems(refused.problems)
        return False
    return True


def prepared(form: BaseForm, work: Callable[[], T]) -> T | None:
    """Run what an act needs before its transaction opens; None when it was refused or not asked for.

    Reading a file takes its time, and the one writing transaction is everybody's.

    Args:
        form: of this request.
        work: what is read; its refusal is put at the form's fields.
    """
    if not form.validate_on_submit():
        return None
    try:
        return work()
    except Refused as refused:
        form.add_problems(refused.problems)
        return None


def status_of(form: BaseForm) -> int:
    """Return the status of a page that shows the form: 422 when it was sent and not done."""
    return 422 if form.is_submitted() else 200


def done(message: str, url: str) -> ResponseReturnValue:
    """Say what was done and lead on."""
    flash(message)
    return redirect(url, 303)
