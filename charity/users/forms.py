"""Forms of sign-in, passwords, people and roles."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_babel import lazy_pgettext
from wtforms import BooleanField, HiddenField, IntegerField, PasswordField, SearchField, SelectField
from wtforms.validators import InputRequired, Optional

from charity.users.credentials import LONGEST_PASSWORD, SHORTEST_PASSWORD
from charity.users.door_rules import DEMANDS
from charity.users.rules import ROLES
from charity.web.filters import translated
from charity.web.forms import BaseForm, LineField
from charity.web.locale import LANGUAGES

_NEW = {"autocomplete": "new-password", "minlength": SHORTEST_PASSWORD, "maxlength": LONGEST_PASSWORD}


class SignInForm(BaseForm):
    username = LineField(
        _("Login name"),
        [InputRequired()],
        limit=60,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _("Password"), [InputRequired()], render_kw={"autocomplete": "current-password", "maxlength": 200}
    )
    next = HiddenField()


class ForgotForm(BaseForm):
    username = LineField(
        _("Login name"),
        [InputRequired()],
        limit=60,
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )


class NewPasswordForm(BaseForm):
    new = PasswordField(_("New password"), [InputRequired()], render_kw=_NEW)
    again = PasswordField(_("New password, once more"), [InputRequired()], render_kw=_NEW)


class ChangePasswordForm(BaseForm):
    current = PasswordField(
        _("Present password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new = PasswordField(_("New password"), [InputRequired()], render_kw=_NEW)
    again = PasswordField(_("New password, once more"), [InputRequired()], render_kw=_NEW)


class FactorForm(BaseForm):
    factor_code = LineField(
        _("One-time code"),
        limit=100,
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "characters",
            "spellcheck": "false",
        },
    )
    factor_credential = HiddenField()


class AgainForm(FactorForm):
    current = PasswordField(
        _("Present password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )


class AppForm(BaseForm):
    code = LineField(
        _("Six digits of the app"),
        [InputRequired()],
        limit=20,
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )


class PasskeyForm(AgainForm):
    name = LineField(_("What you call it"), [InputRequired()], limit=60)


class KeepPasskeyForm(BaseForm):
    name = HiddenField()
    credential = HiddenField()


class PolicyForm(BaseForm):
    second_factor = SelectField(_("Second factor"))
    step_up_min = IntegerField(
        _("Ask again for acts on money after so many minutes"),
        [InputRequired()],
        render_kw={"inputmode": "numeric"},
    )
    reason = LineField(_("Reason"), [InputRequired()], limit=200)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.second_factor.choices = [(code, translated(words)) for code, words in DEMANDS.items()]


class LanguageForm(BaseForm):
    language = SelectField(_("Language"), [Optional()])

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.language.choices = [("", _("as the browser asks for")), *LANGUAGES.items()]


class PeopleFilter(BaseForm):
    class Meta(BaseForm.Meta):
        csrf = False

    text = SearchField(_("Person"), [Optional()])
    with_former = BooleanField(_("Those who have left as well"))


class PersonForm(BaseForm):
    display_name = LineField(lazy_pgettext("person", "Name"), [InputRequired()], limit=80)
    email = LineField(_("Mail address"), [Optional()], limit=200, render_kw={"inputmode": "email"})
    phone = LineField(_("Phone number"), [Optional()], limit=30, render_kw={"inputmode": "tel"})
    unit_code = SelectField(lazy_pgettext("person", "Unit"), [Optional()])

    def __init__(self, units: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.unit_code.choices = [("", _("the whole organisation")), *units]


class NewPersonForm(PersonForm):
    username = LineField(
        _("Login name"),
        [InputRequired()],
        limit=30,
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    display_name = LineField(lazy_pgettext("person", "Name"), [Optional()], limit=80)
    has_login = BooleanField(_("This person has a login already, from another organisation of this site"))


class GrantForm(BaseForm):
    role = SelectField(_("Role"))
    reason = LineField(_("Reason"), [InputRequired()], limit=200)

    def __init__(self, held: tuple[str, ...] = (), **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.role.choices = [
            (code, translated(role.label)) for code, role in ROLES.items() if code not in held
        ]


class ReasonForm(BaseForm):
    reason = LineField(_("Reason"), [InputRequired()], limit=200)
