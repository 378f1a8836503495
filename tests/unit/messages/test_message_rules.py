"""Addresses in one form, states as a table, pauses that grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.config import UnsafeSettings
from charity.errors import Refused
from charity.messages import rules
from charity.messages.addresses import mask_email, parse_email, parse_phone, spoken_phone
from charity.messages.delivery import MailServer, compose, message_id, parse_server
from charity.messages.service import File, Outgoing

AT = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
MAIL = Outgoing(1, 42, "zhang@example.org", "收据", "您好", (), 1, AT)

ALLOWED = {
    ("waiting", "deliver"): "sent",
    ("waiting", "retry"): "waiting",
    ("waiting", "give_up"): "failed",
    ("waiting", "again"): "waiting",
    ("failed", "deliver"): "sent",
    ("failed", "again"): "waiting",
}


@pytest.mark.parametrize(("state", "act"), list(product(rules.STATES, get_args(rules.Act))))
def test_every_state_and_act(state: rules.State, act: rules.Act) -> None:
    assert rules.next_state(state, act) == ALLOWED.get((state, act))


def test_what_was_delivered_is_not_sent_again() -> None:
    assert [problem.code for problem in rules.check_again("sent")] == ["message_sent"]
    assert rules.check_again("failed") == []


def test_pauses_grow_to_six_hours() -> None:
    minutes = [rules.wait_after(tries) // timedelta(minutes=1) for tries in range(1, 8)]
    assert minutes == [1, 4, 16, 64, 256, 360, 360]


def test_the_next_try_is_due_after_the_pause() -> None:
    assert rules.next_try_at(2, AT) == AT + timedelta(minutes=4)


def test_a_message_waits_for_a_person_after_its_last_try_or_a_final_no() -> None:
    assert rules.state_after_failure(rules.MAX_TRIES - 1, is_permanent=False) == "waiting"
    assert rules.state_after_failure(rules.MAX_TRIES, is_permanent=False) == "failed"
    assert rules.state_after_failure(1, is_permanent=True) == "failed"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("zhang@Example.ORG", "zhang@example.org"),
        ("  a.b+c@mail.example.org ", "a.b+c@mail.example.org"),
        ("zhang＠example.org", "zhang@example.org"),
        ("zhang@慈善.中国", "zhang@xn--2vxs01c.xn--fiqs8s"),
    ],
)
def test_a_mail_address_in_its_canonical_form(text: str, wanted: str) -> None:
    if "慈善" in text:
        wanted = "zhang@" + "慈善.中国".encode("idna").decode()
    assert parse_email(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "zhang", "@example.org", "zhang@", "zhang@localhost", "zhang@exa mple.org", "张@example.org",
        "a..b@example.org", ".a@example.org", "zhang@-x.org", "a@b.org\nBcc: c@d.org",
        "a@" + "x" * 64 + ".org",
    ],
)  # fmt: skip
def test_a_malformed_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_email(text)
    assert refused.value.codes == ["email_malformed"]


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse_email(text)
    except Refused:
        return
    assert address.isascii() and address.count("@") == 1 and address == parse_email(address)
    assert not any(ch.isspace() for ch in address)


@pytest.mark.parametrize(
    "text", ["13800001234", "138 0000 1234", "+86 138-0000-1234", "１３８００００１２３４"]
)
def test_a_phone_number_in_its_canonical_form(text: str) -> None:
    assert parse_phone(text) == "+8613800001234"


@pytest.mark.parametrize("text", ["", "abc", "12", "1" * 20])
def test_a_malformed_phone_number_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_phone(text)
    assert refused.value.codes == ["phone_malformed"]


def test_a_number_is_shown_as_it_is_dialled() -> None:
    assert spoken_phone("+8613800001234").replace(" ", "") == "13800001234"
    assert spoken_phone("+85221234567").startswith("+852")


def test_a_masked_address_keeps_its_first_letter_and_domain() -> None:
    assert mask_email("zhang@example.org") == "z***@example.org"
    assert mask_email("nothing") == "***"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1", MailServer("127.0.0.1", 25)),
        ("smtp://u:p%40s@mail.example.org", MailServer("mail.example.org", 587, "u", "p@s", False, True)),
        ("smtp://u:p@localhost:2525", MailServer("localhost", 2525, "u", "p", False, False)),
        ("smtp://mail.example.org?tls=required", MailServer("mail.example.org", 25, "", "", False, True)),
        ("smtps://u:p@mail.example.org", MailServer("mail.example.org", 465, "u", "p", True, False)),
        ("smtps://m.org:994?ca=/etc/ca.pem", MailServer("m.org", 994, "", "", True, False, "/etc/ca.pem")),
    ],
)  # fmt: skip
def test_a_mail_server_is_read_from_its_address(url: str, server: MailServer) -> None:
    assert parse_server(url) == server


@pytest.mark.parametrize("url", ["http://mail.example.org", "mail.example.org", "smtp://"])
def test_another_kind_of_address_is_refused(url: str) -> None:
    with pytest.raises(UnsafeSettings, match="SMTP_URL"):
        parse_server(url)


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in repr(parse_server("smtp://u:geheim@localhost"))


def test_the_message_id_is_the_same_at_each_try_and_tells_no_inner_id() -> None:
    first = message_id(MAIL, "慈善总会 <office@example.org>")
    assert first == message_id(MAIL, "慈善总会 <office@example.org>")
    assert first.endswith("@example.org>") and "42" not in first.partition("@")[0][:3]


def test_a_mail_carries_text_files_and_its_own_date() -> None:
    mail = Outgoing(
        1, 42, "z@example.org", "收据", "您好", (File("收据.pdf", "application/pdf", b"%PDF"),), 1, AT
    )
    message = compose(mail, "慈善总会 <office@example.org>")
    assert message["Date"] == "Sun, 15 Mar 2026 04:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    text, file = message.iter_parts()
    assert text.get_content().strip() == "您好"
    assert (file.get_filename(), file.get_content()) == ("收据.pdf", b"%PDF")


def test_a_line_break_cannot_add_a_header() -> None:
    mail = Outgoing(1, 42, "z@example.org", "收据\nBcc: evil@example.org", "您好", (), 1, AT)
    with pytest.raises(ValueError, match="linefeed|newline"):
        compose(mail, "office@example.org")
