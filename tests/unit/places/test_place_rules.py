"""Units: codes, kinds, dates, and lists as offices keep them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.errors import Refused
from charity.places import rules
from charity.places.rules import KnownUnit, NewUnit

DAY = date(2026, 1, 1)
CITY = KnownUnit("371400", "德州市", "city", DAY, None)
COUNTY = KnownUnit("371427", "夏津县", "county", DAY, None)
KNOWN = {unit.code: unit for unit in (CITY, COUNTY)}


def unit(
    code: str = "371427100", name: str = "南城镇", kind: rules.Kind = "township", **values: object
) -> NewUnit:
    values = {"parent_code": "371427", "name_en": "", "from_on": DAY, **values}
    return NewUnit(code=code, name=name, kind=kind, **values)  # type: ignore[arg-type]


def codes(problems: list[rules.Problem]) -> list[str]:
    return [problem.code for problem in problems]


def refusals(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        rules.read_units(text, DAY)
    return [(problem.code, problem.where) for problem in refused.value.problems]


def test_a_new_township_of_a_known_county_is_fine() -> None:
    assert rules.check_unit(unit(), KNOWN) == []


@pytest.mark.parametrize("code", ["37142710", "3714271000", "37142710A", "３７１４２７１００", ""])
def test_a_code_has_the_digits_of_its_kind(code: str) -> None:
    assert codes(rules.check_unit(unit(code), KNOWN)) == ["unit_code_malformed"]


def test_a_unit_needs_a_name() -> None:
    assert codes(rules.check_unit(unit(name=""), KNOWN)) == ["unit_name_missing"]


def test_a_code_belongs_to_one_unit() -> None:
    found = rules.check_unit(unit("371427", "夏津县", "county", parent_code="371400"), KNOWN)
    assert codes(found) == ["unit_code_taken"]


def test_the_unit_above_must_be_known() -> None:
    assert codes(rules.check_unit(unit(parent_code="371428"), KNOWN)) == ["unit_parent_missing"]
    assert codes(rules.check_unit(unit(parent_code=""), KNOWN)) == ["unit_parent_missing"]


def test_a_township_does_not_belong_to_a_city() -> None:
    assert codes(rules.check_unit(unit(parent_code="371400"), KNOWN)) == ["unit_parent_kind"]


def test_the_unit_above_must_be_in_use_on_the_first_day() -> None:
    closed = {**KNOWN, "371427": KnownUnit("371427", "夏津县", "county", DAY, date(2026, 5, 31))}
    assert rules.check_unit(unit(from_on=date(2026, 5, 31)), closed) == []
    assert codes(rules.check_unit(unit(from_on=date(2026, 6, 1)), closed)) == ["unit_parent_closed"]


def test_a_unit_is_closed_with_its_last_day() -> None:
    assert rules.check_close(COUNTY, date(2026, 12, 31), 0) == []


def test_a_unit_is_closed_once() -> None:
    closed = KnownUnit("371427", "夏津县", "county", DAY, DAY)
    assert codes(rules.check_close(closed, date(2026, 12, 31), 0)) == ["unit_closed_already"]


def test_a_unit_does_not_end_before_it_began() -> None:
    assert codes(rules.check_close(COUNTY, date(2025, 12, 31), 0)) == ["unit_dates_reversed"]


def test_a_unit_is_not_closed_over_open_ones() -> None:
    (problem,) = rules.check_close(COUNTY, date(2026, 12, 31), 14)
    assert (problem.code, problem.params["count"]) == ("unit_has_open_below", 14)


@pytest.mark.parametrize(
    ("on", "is_open"),
    [(date(2025, 12, 31), False), (DAY, True), (date(2026, 6, 30), True), (date(2026, 7, 1), False)],
)
def test_both_ends_of_validity_count(on: date, is_open: bool) -> None:
    assert rules.is_open(DAY, date(2026, 6, 30), on) is is_open


@pytest.mark.parametrize(
    ("code", "kind", "above"),
    [
        ("371400", "city", ""),
        ("371427", "county", "371400"),
        ("371427100", "township", "371427"),
        ("371427100201", "village", "371427100"),
        ("37", None, ""),
    ],
)
def test_the_digits_tell_kind_and_unit_above(code: str, kind: str | None, above: str) -> None:
    assert (rules.kind_of_code(code), rules.parent_code_of(code)) == (kind, above)


@given(st.lists(st.from_regex(r"\d{6,12}", fullmatch=True), min_size=1, max_size=4))
def test_what_lies_below_begins_with_the_path_and_nothing_else_does(chain: list[str]) -> None:
    path = ""
    for code in chain:
        lower = rules.path_of(path, code)
        assert rules.is_within(lower, path)
        assert not rules.is_within(path, lower)
        assert not rules.is_within(rules.path_of(path, code + "1"), lower)
        path = lower


def test_a_list_is_read_with_upper_units_first() -> None:
    text = "代码,名称,级别\n371427100,南城镇,镇\n371427,夏津县,县\n371400,德州市,地级市\n"
    assert [(one.code, one.kind, one.parent_code) for one in rules.read_units(text, DAY)] == [
        ("371400", "city", ""),
        ("371427", "county", "371400"),
        ("371427100", "township", "371427"),
    ]


def test_a_list_may_name_what_the_digits_do_not_tell() -> None:
    text = "code,name,kind,parent_code,name_en,from_on\n371471,天衢新区,功能区,371400,Tianqu,2020-05-01\n"
    (one,) = rules.read_units(text, DAY)
    assert one == NewUnit("371471", "天衢新区", "county", "371400", "Tianqu", date(2020, 5, 1))


def test_a_list_may_have_empty_rows_and_further_columns() -> None:
    text = "name,code,note\n\n南城镇,371427100,x\n,,\n"
    assert [one.name for one in rules.read_units(text, DAY)] == ["南城镇"]


def test_office_programs_save_in_gb18030() -> None:
    assert rules.decode_list("名称,𬭎".encode("gb18030")) == "名称,𬭎"
    assert rules.decode_list("\ufeff名称".encode()) == "名称"


@pytest.mark.parametrize("text", ["", "\n\n", "code,name\n"])
def test_an_empty_list_is_refused(text: str) -> None:
    assert refusals(text) == [("list_empty", "file")]


def test_a_list_without_headings_is_refused() -> None:
    assert refusals("371427,夏津县\n371428,武城县\n") == [("list_heading_missing", "file")]


def test_a_list_beyond_all_measure_is_refused() -> None:
    text = "code,name\n" + "371427100,x\n" * (rules.MAX_ROWS + 1)
    assert refusals(text) == [("list_too_long", "file")]


def test_every_bad_row_is_named() -> None:
    rows = ["371427,夏津县,州,", "12,某地,,", "371428,武城县,,昨天", "371423,庆云县,,", "371423,庆云县,,"]
    text = "\n".join(["code,name,kind,from_on", *rows])
    assert refusals(text) == [
        ("unit_kind_unknown", "2"),
        ("unit_code_malformed", "3"),
        ("date_unreadable", "4"),
        ("unit_code_twice", "6"),
    ]


def test_a_list_may_add_a_county_and_its_townships_at_once() -> None:
    units = rules.read_units("code,name\n371428100,武城镇\n371428,武城县\n", DAY)
    fresh, problems = rules.judge_units(units, KNOWN)
    assert ([one.code for one in fresh], problems) == (["371428", "371428100"], [])


def test_known_units_are_passed_over_and_renamed_ones_are_asked_about() -> None:
    units = rules.read_units("code,name\n371427,夏津县\n371400,德州\n", DAY)
    fresh, problems = rules.judge_units(units, KNOWN)
    assert fresh == []
    assert [(problem.code, problem.where) for problem in problems] == [("unit_differs", "3")]


def test_no_more_problems_are_shown_than_a_person_reads() -> None:
    text = "code,name\n" + "".join(f"{371428000 + number},镇\n" for number in range(80))
    _, problems = rules.judge_units(rules.read_units(text, DAY), {})
    assert len(problems) == rules.MAX_PROBLEMS


@pytest.mark.parametrize("slug", ["xiajin", "dz-2", "ab"])
def test_a_good_address_part(slug: str) -> None:
    assert rules.check_slug(slug, frozenset({"office"})) == []


@pytest.mark.parametrize("slug", ["x", "Xiajin", "夏津", "2x", "a_b", "a/b", "x" * 31, ""])
def test_a_malformed_address_part_is_refused(slug: str) -> None:
    assert codes(rules.check_slug(slug, frozenset())) == ["org_slug_malformed"]


def test_an_address_part_of_the_site_itself_is_refused() -> None:
    assert codes(rules.check_slug("office", frozenset({"office"}))) == ["org_slug_reserved"]
