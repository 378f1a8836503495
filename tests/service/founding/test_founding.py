"""A federation is founded in one transaction, once, on both databases; secrets stay out of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, inspect, select, text
from sqlalchemy.orm import Session

from charity.config import SETTINGS_FILE, Settings
from charity.db import prepare_engine, unit_of_work
from charity.errors import Refused
from charity.founding import code, steps
from charity.founding.plan import Plan, read_plan
from charity.founding.service import Founded, found_federation, is_founded
from charity.ledger.models import Fund, MoneyPlace, Period, PostingRule
from charity.places.models import Org, Qualification, Unit
from charity.places.service import record_qualification
from charity.users.models import RoleGrant, User
from tests.builders import make_actor
from tests.foundings import sample, sample_units

NOON = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
NONE: frozenset[str] = frozenset()


def plan_of(data: dict[str, Any] | None = None) -> Plan:
    return read_plan(data or sample(), NONE, is_demo=False)


def found(session: Session, data: dict[str, Any] | None = None, units: bytes | None = None) -> Founded:
    with unit_of_work(session) as work:
        return found_federation(
            work,
            plan=plan_of(data),
            units=sample_units() if units is None else units,
            at=NOON,
            reserved=NONE,
        )


def test_a_federation_begins_with_everything_it_was_given(session: Session) -> None:
    founded = found(session)
    org = session.scalars(select(Org)).one()
    assert (org.name, org.is_default, org.is_public_fundraiser) == ("海岱市慈善总会", True, True)
    kinds = session.scalars(select(Qualification.kind).order_by(Qualification.kind)).all()
    assert list(kinds) == ["public_fundraising", "tax_deductible"]
    assert session.scalar(select(func.count()).select_from(Unit)) == 6
    assert set(session.scalars(select(Fund.code))) == {"F1", "GEN", "AGENCY"}
    places = {row.code: row for row in session.scalars(select(MoneyPlace))}
    assert set(places) == {"B1", "C1", "T1"}, "payments in transit have their place, asked for or not"
    assert (places["B1"].number_tail, places["B1"].is_main) == ("0501", True)
    assert session.scalar(select(func.count()).select_from(Period)) == 0, "books may still be taken over"
    rules = session.scalars(select(PostingRule)).all()
    assert rules and all(rule.approved_at is None for rule in rules)
    grants = session.execute(select(User.username, RoleGrant.role).join(User, User.id == RoleGrant.user_id))
    assert sorted(map(tuple, grants)) == [("jiang.nanzhou", "administrator"), ("ye.zhou", "administrator")]
    assert [person[0] for person in founded.administrators] == ["ye.zhou", "jiang.nanzhou"]


def test_it_is_done_once(session: Session) -> None:
    found(session)
    with pytest.raises(Refused) as caught:
        found(session)
    assert caught.value.codes == ["setup_done"]
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Org)) == 1


def test_two_set_ups_in_one_moment_found_one_federation(settings: Settings) -> None:
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    start, results = threading.Barrier(2), []

    def run() -> None:
        with Session(engine) as own:
            start.wait()
            try:
                found(own)
                results.append("founded")
            except Refused as refused:
                results.append(refused.codes[0])

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert sorted(results) == ["founded", "setup_done"]


@pytest.mark.parametrize(
    ("units", "credit_code", "code_told"),
    [
        (b"code,name\n990001001,\xe9\x95\x87\n", "", "unit_parent_missing"),
        (b"", "51990000MJE0000011", "credit_code_malformed"),
    ],
)
def test_what_a_feature_refuses_leaves_nothing(
    session: Session, units: bytes, credit_code: str, code_told: str
) -> None:
    data = sample()
    data["org"]["credit_code"] = credit_code or data["org"]["credit_code"]
    with pytest.raises(Refused) as caught:
        found(session, data, units)
    assert caught.value.codes[0] == code_told
    assert not is_founded(session)
    assert session.scalar(select(func.count()).select_from(User)) == 0


def test_no_secret_stands_in_the_database(session: Session, settings: Settings) -> None:
    """The mail password and the gateway's token go to the settings file, nowhere else."""
    found(session)
    plan = plan_of()
    from charity.config import read_settings_file, write_settings_file

    write_settings_file(settings.data_dir, plan.settings())
    kept = read_settings_file(settings.data_dir)
    assert "ledger:secret@" in kept["SMTP_URL"] and kept["SMS_TOKEN"] == "secret"
    assert (settings.data_dir / SETTINGS_FILE).stat().st_mode & 0o777 == 0o600
    for table in inspect(session.connection()).get_table_names():
        for row in session.execute(text(f'SELECT * FROM "{table}"')):
            assert "secret" not in repr(tuple(row)), table


def test_links_are_printed_again_until_they_are_used(session: Session, settings: Settings) -> None:
    found(session)
    again = steps.founded_before(session)
    assert {person[0] for person in again.administrators} == {"ye.zhou", "jiang.nanzhou"}
    found_links = dict(steps.links(settings, again, NOON, "https://ledger.haidai.example/"))
    assert all(
        link.startswith("https://ledger.haidai.example/password/choose/") for link in found_links.values()
    )
    for user in session.scalars(select(User)):
        user.password_hash = "x"
    session.flush()
    with pytest.raises(Refused) as caught:
        steps.founded_before(session)
    assert caught.value.codes == ["setup_nobody_waits"]


def test_the_code_is_made_once_and_goes(tmp_path: Path) -> None:
    first, is_new = code.setup_code(tmp_path)
    assert is_new and code.setup_code(tmp_path) == (first, False)
    assert (tmp_path / "setup-code").stat().st_mode & 0o777 == 0o600
    assert code.is_right(tmp_path, first.lower().replace("-", " "))
    assert not code.is_right(tmp_path, first[:-1])
    code.spend(tmp_path)
    assert not code.is_right(tmp_path, first)


@pytest.mark.parametrize("kept", ["", "ABCD", "\n", "\u00e9" * 8, "A" * 17])
def test_half_a_code_opens_nothing_and_is_made_anew(tmp_path: Path, kept: str) -> None:
    """As a full disk leaves it behind: an empty file was opened by a hyphen."""
    (tmp_path / "setup-code").write_text(kept, encoding="utf-8")
    for given in ("", "-", kept, f"-{kept} "):
        assert not code.is_right(tmp_path, given)
    made, is_new = code.setup_code(tmp_path)
    assert is_new and code.is_right(tmp_path, made) and not code.is_right(tmp_path, kept)
    assert [path.name for path in tmp_path.iterdir()] == ["setup-code"]


def test_a_code_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("charity.founding.code.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            code.setup_code(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_whoever_opens_at_the_same_time_is_given_the_same_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them have found no code before the first one writes its own."""
    gate, write = threading.Barrier(4), code._write

    def together(path: Path, text: str) -> None:
        gate.wait(30)
        write(path, text)

    monkeypatch.setattr(code, "_write", together)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: code.setup_code(tmp_path), range(4)))
    assert len({text for text, _ in made}) == 1
    assert [is_new for _, is_new in made].count(True) == 1


@pytest.mark.parametrize(
    ("values", "code_told"),
    [
        ({"kind": "iso9001"}, "qualification_unknown"),
        ({"until_on": "2020-01-01"}, "qualification_dates"),
        ({"number": " "}, "qualification_number_missing"),
        ({"from_on": "2024-05-01", "kind": "public_fundraising"}, "qualification_twice"),
    ],
)
def test_a_qualification_is_sound_or_refused(
    session: Session, values: dict[str, str], code_told: str
) -> None:
    from datetime import date

    org_id = found(session).org_id
    given: dict[str, Any] = {"kind": "charity", "number": "1", "from_on": date(2026, 1, 1), "until_on": None}
    given |= {k: date.fromisoformat(v) if k.endswith("_on") else v for k, v in values.items()}
    with pytest.raises(Refused) as caught, unit_of_work(session) as work:
        record_qualification(work, actor=make_actor(org_id), **given)
    assert caught.value.codes == [code_told]


def test_a_qualification_is_recorded_by_an_administrator(session: Session) -> None:
    from datetime import date

    org_id = found(session).org_id
    values: dict[str, Any] = {"kind": "charity", "number": "1", "from_on": date(2026, 1, 1), "until_on": None}
    for actor, told in (
        (make_actor(org_id, "ledger.read"), "places_may_not"),
        (make_actor(7), "org_missing"),
    ):
        with pytest.raises(Refused) as caught, unit_of_work(session) as work:
            record_qualification(work, actor=actor, **values)
        assert caught.value.codes == [told]
