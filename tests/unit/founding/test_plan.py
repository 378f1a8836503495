"""A plan is sound as a whole, or every wrong place in it is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from charity.errors import Refused
from charity.founding.asking import read_file
from charity.founding.plan import Plan, read_plan
from tests.foundings import SAMPLE, sample, sample_units

RESERVED = frozenset({"office", "setup"})
Data = dict[str, Any]


def read(data: Data, *, is_demo: bool = False) -> Plan:
    return read_plan(data, RESERVED, is_demo=is_demo)


def test_the_sample_of_the_documents_is_sound() -> None:
    plan = read(sample())
    assert [row["code"] for row in plan.funds] == ["F1", "GEN", "AGENCY"]
    assert plan.org["books_from"].isoformat() == "2026-01-01"
    assert b"990001001" in sample_units()
    assert plan.settings()["SMS_FIELDS"] == "mobile,content"
    assert "secret" not in repr(plan)


def test_the_same_as_json_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "federation.json"
    path.write_text(json.dumps(sample(), default=str, ensure_ascii=False), encoding="utf-8")
    data, units = read_file(path)
    assert (read(data), units) == (read(sample()), b"")


def put(part: str, key: str, value: Any, number: int | None = None) -> Callable[[Data], None]:
    """Return an act that changes one value."""

    def act(data: Data) -> None:
        row = data[part] if number is None else data[part][number]
        row[key] = value

    return act


def drop(part: str, number: int) -> Callable[[Data], None]:
    return lambda data: data[part].pop(number)


#: What is wrong → the code and the place it is told at.
WRONG: list[tuple[Callable[[Data], Any], str, str]] = [
    (put("org", "name", ""), "setup_missing", "org-name"),
    (put("org", "name", "名" * 81), "setup_too_long", "org-name"),
    (put("org", "name", ["a"]), "setup_not_text", "org-name"),
    (put("org", "legal_form", "club"), "setup_choice", "org-legal_form"),
    (put("org", "code", "hai dai"), "setup_code_wrong", "org-code"),
    (put("org", "slug", "office"), "org_slug_reserved", "org-slug"),
    (put("org", "books_from", "bald"), "date_unreadable", "org-books_from"),
    (put("org", "motto", "善"), "setup_unknown_key", "org-motto"),
    (put("qualifications", "kind", "iso9001", 0), "setup_choice", "qualifications-0-kind"),
    (put("qualifications", "until_on", "2020-01-01", 1), "setup_dates", "qualifications-1-until_on"),
    (put("funds", "kind", "slush", 0), "setup_choice", "funds-0-kind"),
    (put("funds", "code", "F 1", 0), "setup_code_wrong", "funds-0-code"),
    (put("funds", "code", "GEN", 0), "setup_twice", "funds-1-code"),
    (put("funds", "colour", "pink", 0), "setup_choice", "funds-0-colour"),
    (put("funds", "document_ref", "", 0), "setup_missing", "funds-0-document_ref"),
    (drop("funds", 1), "setup_general_fund", "funds-0-kind"),
    (put("places", "kind", "sock", 1), "setup_choice", "places-1-kind"),
    (put("places", "is_main", False, 0), "setup_main_place", "places-0-is_main"),
    (drop("administrators", 1), "setup_two_administrators", "administrators-1-username"),
    (
        put("administrators", "username", "ye.zhou", 1),
        "setup_two_administrators",
        "administrators-1-username",
    ),
    (put("administrators", "email", "", 0), "setup_contact_missing", "administrators-0-email"),
    (put("administrators", "email", "nobody", 0), "email_malformed", "administrators-0-email"),
    (put("administrators", "phone", "12", 1), "phone_malformed", "administrators-1-phone"),
    (put("site", "public_url", "http://ledger.haidai.example"), "setup_http", "site-public_url"),
    (put("site", "public_url", "ledger.haidai.example"), "setup_address", "site-public_url"),
    (put("site", "zone", "Mars/Olympus"), "setup_zone", "site-zone"),
    (put("mail", "url", "pigeon://x"), "setup_mail_url", "mail-url"),
    (put("sms", "url", "http://sms.haidai.example"), "setup_sms_url", "sms-url"),
    (put("sms", "fields", "mobile"), "setup_sms_url", "sms-url"),
    (put("sms", "format", "xml"), "setup_sms_url", "sms-url"),
    (lambda data: data.update(weather={}), "setup_unknown_key", "weather"),
]


@pytest.mark.parametrize(("act", "code", "where"), WRONG, ids=[f"{n}-{w[1]}" for n, w in enumerate(WRONG)])
def test_what_is_wrong_is_told_at_its_place(act: Callable[[Data], Any], code: str, where: str) -> None:
    data = sample()
    act(data)
    with pytest.raises(Refused) as caught:
        read(data)
    assert (code, where) in [(problem.code, problem.where) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "url", ["http://10.1.2.3", "http://ledger", "http://ledger.lan:8000", "http://[::1]:5000"]
)
def test_plain_http_is_allowed_inside_an_office_network(url: str) -> None:
    data = sample()
    data["site"]["public_url"] = url
    assert read(data).settings()["PUBLIC_URL"] == url


def test_plain_http_is_allowed_when_stated_and_in_the_demo() -> None:
    data = sample()
    data["site"]["public_url"] = "http://ledger.haidai.example"
    assert read(data, is_demo=True).site["allow_http"] is False
    data["site"]["allow_http"] = True
    assert read(data).settings()["CHARITY_ALLOW_HTTP"] == "1"


@pytest.mark.parametrize(
    ("text", "code"),
    [("[org", "setup_file_unreadable"), ('units = "nowhere.csv"', "setup_units_missing")],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        read_file(path)
    assert caught.value.codes == [code]


def test_a_list_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(Refused) as caught:
        read_file(path)
    assert caught.value.codes == ["setup_file_unreadable"]
    assert SAMPLE.name == "federation.toml"
