"""Login names, passwords, links and sessions: what is good enough, and for how long."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.errors import Refused
from charity.users import credentials, links, passwords
from charity.users.passwords import Passwords, new_password, passwords_for

AT = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
CHEAP = passwords_for("test")
SECRET = "11" * 32


def codes(problems: list[credentials.Problem]) -> list[str]:
    return [problem.code for problem in problems]


@pytest.mark.parametrize("name", ["li", "zhang.san", "wang-er_2", "a" * 30])
def test_a_good_login_name(name: str) -> None:
    assert credentials.check_username(name) == []


@pytest.mark.parametrize("name", ["", "l", "2li", "张三", "li li", "Li", "a" * 31, "li@x", "li\n"])
def test_a_malformed_login_name_is_refused(name: str) -> None:
    assert codes(credentials.check_username(name)) == ["username_malformed"]


def test_a_login_name_is_folded_as_an_input_method_types_it() -> None:
    assert credentials.fold_username("  ＺｈａｎｇＳａｎ ") == "zhangsan"


@pytest.mark.parametrize("text", ["correct horse battery", "山高月小水落石出又一年", "kX9-mQ2-vT7"])
def test_a_good_password(text: str) -> None:
    assert credentials.check_password(text, "lisi") == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("short", "password_short"),
        ("x" * 9, "password_short"),
        ("x" * 129, "password_long"),
        ("woaini1314520"[:10], "password_common"),
        ("Password 123", "password_common"),
        ("１２３４５６７８９０", "password_common"),
        ("abababababab", "password_repeats"),
        ("xx-LiSi-2026-yy", "password_names_you"),
    ],
)
def test_a_weak_password_is_refused(text: str, code: str) -> None:
    assert codes(credentials.check_password(text, "lisi")) == [code]


@pytest.mark.parametrize(
    ("minutes_idle", "hours", "has_ended"),
    [(0, 0, False), (60, 1, False), (61, 2, True), (1, 12, False), (1, 13, True)],
)
def test_a_session_ends_when_idle_and_after_a_working_day(
    minutes_idle: int, hours: int, has_ended: bool
) -> None:
    at = AT + timedelta(hours=hours)
    assert credentials.session_has_ended(AT, at - timedelta(minutes=minutes_idle), at) is has_ended


def test_a_password_fits_its_hash_and_no_other() -> None:
    stored = CHEAP.hash("correct horse battery")
    assert stored.startswith("$argon2id$") and "correct" not in stored
    assert CHEAP.matches(stored, "correct horse battery")
    assert not CHEAP.matches(stored, "correct horse battery!")


def test_full_width_letters_of_an_input_method_fit_too() -> None:
    assert CHEAP.matches(CHEAP.hash("abcdefghij12"), "ａｂｃｄｅｆｇｈｉｊ１２")


def test_who_has_no_password_cannot_sign_in_with_any() -> None:
    assert not CHEAP.matches("", "nobody has this password")
    assert not CHEAP.matches("", "")


def test_a_damaged_hash_fits_nothing() -> None:
    assert not CHEAP.matches("$argon2id$nonsense", "x" * 10)


def test_a_hash_of_another_cost_is_outdated() -> None:
    assert not CHEAP.is_outdated(CHEAP.hash("correct horse battery"))
    assert Passwords(memory_kib=32, passes=1, at_once=1).is_outdated(CHEAP.hash("correct horse battery"))


def test_a_new_password_is_looked_at_before_it_is_hashed() -> None:
    assert new_password(CHEAP, "lisi", "correct horse battery").hash.startswith("$argon2id$")
    with pytest.raises(Refused) as refused:
        new_password(CHEAP, "lisi", "short")
    assert refused.value.codes == ["password_short"]


def test_no_more_hashes_run_at_once_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one turn is taken; the next in line gives up after its patience."""
    monkeypatch.setattr(passwords, "PATIENCE_S", 0.01)
    single = Passwords(memory_kib=16, passes=1, at_once=1)
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with single._turn():
            taken.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(20)
    with pytest.raises(Refused) as refused:
        single.hash("correct horse battery")
    done.set()
    thread.join(20)
    assert refused.value.codes == ["sign_in_busy"]
    assert single.hash("correct horse battery")


def test_production_costs_more_than_tests() -> None:
    stored = passwords_for("production")._hasher
    assert (stored.memory_cost, stored.time_cost) >= (19 * 1024, 2)


def make(**values: object) -> str:
    values = {"username": "li.si", "epoch": 3, "at": AT, "life": timedelta(minutes=30), **values}
    return links.make_token(SECRET, **values)  # type: ignore[arg-type]


def test_a_link_says_whose_it_is_and_until_when() -> None:
    claim = links.read_token(SECRET, make(), AT + timedelta(minutes=30))
    assert (claim.username, claim.epoch, claim.until) == ("li.si", 3, AT + timedelta(minutes=30))


def test_a_link_ends_with_its_time() -> None:
    with pytest.raises(Refused) as refused:
        links.read_token(SECRET, make(), AT + timedelta(minutes=30, seconds=1))
    assert refused.value.codes == ["link_expired"]


@given(st.integers(0, 200), st.characters(codec="ascii", categories=("L", "N")))
def test_a_changed_link_is_refused(position: int, letter: str) -> None:
    token = make()
    position %= len(token)
    changed = token[:position] + letter + token[position + 1 :]
    if changed == token:
        return
    try:
        claim = links.read_token(SECRET, changed, AT)
    except Refused as refused:
        assert refused.codes == ["link_broken"]
    else:
        # The last letter of base64 carries bits that do not count; the content is the same.
        assert (claim.username, claim.epoch) == ("li.si", 3)


@pytest.mark.parametrize("token", ["", "x", "a.b", make()[:-5]])
def test_an_incomplete_link_is_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        links.read_token(SECRET, token, AT)
    assert refused.value.codes == ["link_broken"]


def test_another_house_cannot_make_links_for_this_one() -> None:
    with pytest.raises(Refused):
        links.read_token("22" * 32, make(), AT)


@pytest.mark.parametrize(
    "text",
    [
        "manchester",
        "Manchester2026",
        "q1w2e3r4t5y6",
        "cishan20262026",
        "CiShan@CaiWu#88",
        "administrator!",
        "federation2026",
        "concentration",
    ],
)
def test_a_listed_password_a_single_word_or_a_word_of_the_house_is_refused(text: str) -> None:
    assert [problem.code for problem in credentials.check_password(text, "lisi")] == ["password_common"]


@pytest.mark.parametrize(
    "text", ["correct horse battery", "cishan na yi nian xia xue", "manchester lihai 7 ma"]
)
def test_several_words_are_good_whatever_they_are(text: str) -> None:
    assert credentials.check_password(text, "lisi") == []


def test_the_list_of_known_passwords_is_long() -> None:
    assert len(credentials._listed()) > 3000


def test_a_password_of_any_signs_and_of_128_is_taken() -> None:
    """No composition is asked for, none forbidden."""
    for text in ("慈善总会去年下了十场雪", "    ~!@ $%^ x1 &*()", "x7" + "长" * 60 + "k9q" * 22):
        assert credentials.check_password(text, "lisi") == []
