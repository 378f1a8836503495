"""Orgs and units: who may change the map, what lies below, which org an address means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from charity.db import Actor, transact
from charity.errors import Refused
from charity.oplog.queries import story
from charity.places import queries, service
from charity.places.models import Org
from charity.places.rules import NewUnit
from charity.places.service import Imported, OrgDetails

if TYPE_CHECKING:
    from tests.conftest import Clock

DAY = date(2026, 1, 1)
CREDIT_CODE = "51371400MJE0000017"
MAP = """code,name
371400,德州市
371402,德城区
371402001,新湖街道
371427,夏津县
371427100,南城镇
371427101,苏留庄镇
371427101201,前屯村
"""


@pytest.fixture
def founder(clock: Clock) -> Actor:
    return Actor(0, 0, "系统", frozenset({"places.manage"}), clock.instant)


@pytest.fixture
def city(session: Session, founder: Actor) -> int:
    return found(session, founder, "DZ", "dezhou", "德州市慈善总会", is_default=True, credit_code=CREDIT_CODE)


@pytest.fixture
def keeper(city: int, clock: Clock) -> Actor:
    return Actor(1, city, "管理员", frozenset({"places.manage"}), clock.instant)


@pytest.fixture
def mapped(session: Session, keeper: Actor) -> Callable[[str], int]:
    """The map of a city; returns keys by code."""
    act(session, service.import_units, actor=keeper, content=MAP.encode(), on=DAY)

    def key(code: str) -> int:
        unit = queries.find_unit(session, code)
        assert unit is not None
        return unit.id

    return key


def act(session: Session, verb: Callable[..., Any], **values: Any) -> Any:
    return transact(lambda own: verb(own, **values), session=session)


def found(
    session: Session,
    actor: Actor,
    code: str,
    slug: str,
    name: str,
    *,
    is_default: bool = False,
    **details: Any,
) -> int:
    def work(own: Session) -> int:
        return service.found_org(
            own,
            actor=actor,
            code=code,
            slug=slug,
            details=OrgDetails(name, name[:4], **details),
            legal_form="association",
            opened_on=DAY,
            is_default=is_default,
            reserved=frozenset({"office"}),
        ).id

    return transact(work, session=session)


def refused_codes(work: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.codes


def test_an_org_is_set_up_and_logged_in_its_own_log(session: Session, city: int) -> None:
    facts = queries.org_facts(session, city)
    assert facts is not None
    assert (facts.name, facts.credit_code, facts.is_default) == ("德州市慈善总会", CREDIT_CODE, True)
    assert [row.act for row in story(session, city, "org", "DZ")] == ["places.found_org"]


def test_only_who_may_sets_up_an_org(session: Session, clock: Clock) -> None:
    nobody = Actor(1, 1, "会计", frozenset({"ledger.draft"}), clock.instant)
    assert refused_codes(lambda: found(session, nobody, "DZ", "dezhou", "x")) == ["places_may_not"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"slug": "dezhou"}, "org_slug_taken"),
        ({"slug": "office"}, "org_slug_reserved"),
        ({"slug": "X"}, "org_slug_malformed"),
        ({"code": "DZ"}, "org_code_taken"),
        ({"is_default": True}, "org_default_taken"),
        ({"name": ""}, "org_name_missing"),
        ({"credit_code": CREDIT_CODE}, "org_credit_code_taken"),
        ({"credit_code": "51371400MJE0000018"}, "credit_code_malformed"),
    ],
)
def test_what_makes_an_org_ambiguous_is_refused(
    session: Session, founder: Actor, city: int, values: dict[str, Any], code: str
) -> None:
    wanted = {"code": "XJ", "slug": "xiajin", "name": "夏津县慈善总会", **values}
    assert refused_codes(lambda: found(session, founder, **wanted)) == [code]


def test_a_host_belongs_to_one_org(session: Session, founder: Actor, city: int) -> None:
    found(session, founder, "XJ", "xiajin", "夏津县慈善总会", host="XJ.example.org")
    codes = refused_codes(
        lambda: found(session, founder, "LL", "leling", "乐陵市慈善总会", host="xj.example.org")
    )
    assert codes == ["org_host_taken"]


def test_the_database_itself_holds_one_default_org(session: Session, founder: Actor, city: int) -> None:
    other = found(session, founder, "XJ", "xiajin", "夏津县慈善总会")

    def work(own: Session) -> None:
        own.get_one(Org, other).is_default = True
        own.flush()

    with pytest.raises(IntegrityError):
        transact(work, session=session)


def test_an_address_means_the_org_of_its_prefix_then_its_host_then_the_default(
    session: Session, founder: Actor, city: int
) -> None:
    by_path = found(session, founder, "XJ", "xiajin", "夏津县慈善总会")
    by_host = found(session, founder, "LL", "leling", "乐陵市慈善总会", host="ll.example.org")

    def org(slug: str | None, host: str) -> int | None:
        facts = queries.org_of_request(session, slug, host)
        return facts.id if facts else None

    assert org(None, "www.example.org") == city
    assert org(None, "LL.example.org") == by_host
    assert org("xiajin", "ll.example.org") == by_path
    assert org("nowhere", "www.example.org") is None
    assert queries.prefix_slugs(session) == {"xiajin", "leling"}
    assert [facts.code for facts in queries.list_orgs(session)] == ["DZ", "LL", "XJ"]


def test_without_any_org_an_address_means_none(session: Session) -> None:
    assert queries.org_of_request(session, None, "www.example.org") is None


def test_details_of_an_org_are_changed_with_old_and_new_in_the_log(session: Session, keeper: Actor) -> None:
    details = OrgDetails("德州市慈善总会", "德州慈善", "Dezhou Charity Federation", CREDIT_CODE, True)
    act(session, service.change_org, actor=keeper, details=details)
    facts = queries.org_facts(session, keeper.org_id)
    assert facts is not None and (facts.short_name, facts.is_public_fundraiser) == ("德州慈善", True)
    (changed, _) = story(session, keeper.org_id, "org", "DZ")
    assert changed.details["short_name"] == {"old": "德州市慈", "new": "德州慈善"}
    assert "credit_code" not in changed.details


def test_saving_an_org_unchanged_leaves_no_entry(session: Session, keeper: Actor) -> None:
    details = OrgDetails("德州市慈善总会", "德州市慈", "", CREDIT_CODE)
    act(session, service.change_org, actor=keeper, details=details)
    assert len(story(session, keeper.org_id, "org", "DZ")) == 1


def test_only_who_may_changes_an_org(session: Session, keeper: Actor, clock: Clock) -> None:
    nobody = Actor(2, keeper.org_id, "会计", frozenset(), clock.instant)
    codes = refused_codes(
        lambda: act(session, service.change_org, actor=nobody, details=OrgDetails("a", "b"))
    )
    assert codes == ["places_may_not"]


def test_an_org_that_is_not_there_is_not_changed(session: Session, founder: Actor) -> None:
    codes = refused_codes(
        lambda: act(session, service.change_org, actor=founder, details=OrgDetails("a", "b"))
    )
    assert codes == ["org_missing"]


def test_a_list_is_read_once_and_again(session: Session, keeper: Actor) -> None:
    first = act(session, service.import_units, actor=keeper, content=MAP.encode(), on=DAY)
    again = act(session, service.import_units, actor=keeper, content=MAP.encode("gb18030"), on=DAY)
    assert (first, again) == (Imported(7, 0), Imported(0, 7))


def test_a_list_with_one_bad_row_adds_nothing(session: Session, keeper: Actor) -> None:
    content = (MAP + "371499100,某镇\n").encode()
    codes = refused_codes(lambda: act(session, service.import_units, actor=keeper, content=content, on=DAY))
    assert codes == ["unit_parent_missing"]
    assert queries.units_below(session, None) == ()


def test_the_path_leads_from_the_city_down(session: Session, mapped: Callable[[str], int]) -> None:
    path = queries.unit_path(session, mapped("371427101201"))
    assert [unit.name for unit in path] == ["德州市", "夏津县", "苏留庄镇", "前屯村"]
    assert [unit.depth for unit in path] == [0, 1, 2, 3]
    assert queries.unit_path(session, 1) == ()


def test_one_sees_a_unit_and_what_lies_below(session: Session, mapped: Callable[[str], int]) -> None:
    names = [unit.name for unit in queries.units_below(session, mapped("371427"), DAY)]
    assert names == ["夏津县", "南城镇", "苏留庄镇", "前屯村"]
    assert queries.unit_ids_below(session, mapped("371402")) == {mapped("371402"), mapped("371402001")}
    assert queries.unit_ids_below(session, None) is None
    assert queries.units_below(session, 1) == ()


def test_a_closed_unit_keeps_its_place_among_records(
    session: Session, keeper: Actor, mapped: Callable[[str], int]
) -> None:
    last = date(2026, 6, 30)
    act(
        session,
        service.close_unit,
        actor=keeper,
        code="371427100",
        until_on=last,
        replaced_by_code="371427101",
    )
    county = mapped("371427")
    assert "南城镇" in [unit.name for unit in queries.units_below(session, county, last)]
    assert "南城镇" not in [unit.name for unit in queries.units_below(session, county, date(2026, 7, 1))]
    assert mapped("371427100") in (queries.unit_ids_below(session, county) or ())
    (closed,) = story(session, keeper.org_id, "unit", "371427100")
    assert closed.details["replaced_by"] == "371427101"


def test_a_unit_with_open_ones_below_is_not_closed(
    session: Session, keeper: Actor, mapped: Callable[[str], int]
) -> None:
    def close(code: str, until_on: date) -> None:
        act(session, service.close_unit, actor=keeper, code=code, until_on=until_on)

    assert refused_codes(lambda: close("371427101", date(2026, 6, 30))) == ["unit_has_open_below"]
    close("371427101201", date(2026, 6, 30))
    assert refused_codes(lambda: close("371427101", date(2026, 6, 29))) == ["unit_has_open_below"]
    close("371427101", date(2026, 6, 30))
    assert refused_codes(lambda: close("371427101", date(2026, 6, 30))) == ["unit_closed_already"]
    assert refused_codes(lambda: close("371402001", date(2025, 6, 30))) == ["unit_dates_reversed"]
    assert refused_codes(lambda: close("371499", date(2026, 6, 30))) == ["unit_missing"]


def test_one_unit_is_added_and_renamed(session: Session, keeper: Actor, mapped: Callable[[str], int]) -> None:
    new = NewUnit("371427102", "双庙镇", "township", "371427", "", DAY)
    act(session, service.add_unit, actor=keeper, unit=new)
    act(session, service.rename_unit, actor=keeper, code="371427102", name="双庙乡", name_en="Shuangmiao")
    unit = queries.get_unit(session, mapped("371427102"))
    assert unit is not None and (unit.name, unit.name_en) == ("双庙乡", "Shuangmiao")
    (renamed, added) = story(session, keeper.org_id, "unit", "371427102")
    assert (added.act, renamed.details["name"]) == ("places.add_unit", {"old": "双庙镇", "new": "双庙乡"})
    codes = refused_codes(lambda: act(session, service.add_unit, actor=keeper, unit=new))
    assert codes == ["unit_code_taken"]
    codes = refused_codes(lambda: act(session, service.rename_unit, actor=keeper, code="371427102", name=" "))
    assert codes == ["unit_name_missing"]


def test_another_org_does_not_change_the_map_all_share(
    session: Session, founder: Actor, mapped: Callable[[str], int], clock: Clock
) -> None:
    other = found(session, founder, "XJ", "xiajin", "夏津县慈善总会")
    administrator = Actor(5, other, "县管理员", frozenset({"places.manage"}), clock.instant)
    unit = NewUnit("371427102", "双庙镇", "township", "371427", "", DAY)
    for verb, values in (
        (service.add_unit, {"unit": unit}),
        (service.rename_unit, {"code": "371427", "name": "x"}),
        (service.close_unit, {"code": "371427", "until_on": DAY}),
        (service.import_units, {"content": MAP.encode(), "on": DAY}),
    ):
        codes = refused_codes(
            lambda verb=verb, values=values: act(session, verb, actor=administrator, **values)
        )
        assert codes == ["places_may_not"]


def test_the_choices_of_a_list_show_the_depth(session: Session, mapped: Callable[[str], int]) -> None:
    choices = queries.unit_choices(queries.units_below(session, mapped("371402")))
    assert choices == [("371402", "　德城区"), ("371402001", "　　新湖街道")]


def test_an_inner_key_of_no_unit_finds_nothing(session: Session) -> None:
    assert queries.get_unit(session, 1) is None
    assert queries.find_unit(session, "371400") is None
    assert queries.org_facts(session, 1) is None
    assert session.scalars(select(Org)).all() == []
