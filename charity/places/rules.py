"""What a unit and an org must be like, and how a list of units is read. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from charity.errors import N_, Problem, Refused, refuse, register
from charity.names import clean_line
from charity.periods import parse_date

Kind = Literal["city", "county", "township", "village"]
LegalForm = Literal["association", "foundation", "service_body"]

KINDS: tuple[Kind, ...] = ("city", "county", "township", "village")
KIND_LABELS: Mapping[Kind, str] = {
    "city": N_("City"),
    "county": N_("County or district"),
    "township": N_("Township or subdistrict"),
    "village": N_("Village or community"),
}
#: Forms of a social organisation (社会团体, 基金会, 社会服务机构); 慈善法 (2023) art. 8.
LEGAL_FORMS: Mapping[LegalForm, str] = {
    "association": N_("Social association"),
    "foundation": N_("Foundation"),
    "service_body": N_("Social service body"),
}

Qualification = Literal["public_fundraising", "charity", "tax_exempt", "tax_deductible"]
#: What a charity holds besides its registration: 公开募捐资格 (慈善法 (2023) art. 22), 认定慈善组织
#: (art. 10), 非营利组织免税资格 (财税〔2018〕13号), 公益性捐赠税前扣除资格 (财政部 税务总局 民政部公告
#: 2020年第27号). Each holds from a day, most until one.
QUALIFICATIONS: Mapping[Qualification, str] = {
    "public_fundraising": N_("Certificate for public fundraising"),
    "charity": N_("Recognised as a charity"),
    "tax_exempt": N_("Tax-exempt non-profit organisation"),
    "tax_deductible": N_("Donations are deductible from tax"),
}

#: Kind → digits of its code, as in the codes of statistics (统计用区划代码).
CODE_DIGITS: Mapping[Kind, int] = {"city": 6, "county": 6, "township": 9, "village": 12}
#: Kind → kind of what it belongs to.
PARENT_KINDS: Mapping[Kind, Kind | None] = {
    "city": None,
    "county": "city",
    "township": "county",
    "village": "township",
}

#: Words of lists in circulation → kind.
_KIND_WORDS: Mapping[str, Kind] = {
    **{kind: kind for kind in KINDS},
    **dict.fromkeys(("市", "地级市", "设区的市"), "city"),
    **dict.fromkeys(
        ("区", "市辖区", "县", "县级市", "功能区", "功能区(统计用)", "功能区（统计用）"), "county"
    ),
    **dict.fromkeys(("镇", "乡", "街道", "乡镇", "办事处"), "township"),
    **dict.fromkeys(("村", "社区", "居委会", "村委会", "村居"), "village"),
}
_HEADINGS: Mapping[str, str] = {
    "code": "code", "代码": "code", "区划代码": "code",
    "name": "name", "名称": "name",
    "name_en": "name_en", "英文名称": "name_en",
    "kind": "kind", "type": "kind", "级别": "kind", "类型": "kind",
    "parent_code": "parent_code", "county_code": "parent_code", "上级代码": "parent_code",
    "from_on": "from_on", "启用日期": "from_on",
}  # fmt: skip

#: Rows of one list; a whole province has fewer townships.
MAX_ROWS = 5_000
#: Problems shown at once; a list in the wrong shape has one a row.
MAX_PROBLEMS = 50

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,29}")

PROBLEMS = register(
    {
        "places_may_not": N_(
            "Only an administrator of the organisation that serves this site keeps the map."
        ),
        "unit_missing": N_("There is no unit with the code %(code)s."),
        "unit_code_malformed": N_("The code “%(code)s” must have %(digits)s digits for this kind of unit."),
        "unit_code_taken": N_("The code %(code)s already belongs to %(name)s."),
        "unit_code_twice": N_("The code %(code)s stands twice in the list."),
        "unit_kind_unknown": N_("“%(text)s” is not a kind of unit: city, county, township or village."),
        "unit_name_missing": N_("The unit needs a name."),
        "unit_parent_missing": N_("The unit it belongs to, %(code)s, is not known; add that one first."),
        "unit_parent_kind": N_("%(name)s is of the wrong kind to be the unit above this one."),
        "unit_parent_closed": N_("%(name)s is not in use on %(on)s."),
        "unit_dates_reversed": N_("The last day %(until)s lies before the first day %(start)s."),
        "unit_has_open_below": N_(
            "%(count)s units below %(name)s are still in use then; close or move them first."
        ),
        "unit_closed_already": N_("%(name)s was closed on %(until)s."),
        "unit_differs": N_("%(code)s is already known as %(known)s, not as %(given)s; rename it by itself."),
        "list_heading_missing": N_("The list needs the columns code and name (代码, 名称) in its first row."),
        "list_empty": N_("The list has no rows."),
        "list_too_long": N_("The list has more than %(limit)s rows; split it."),
        "org_slug_malformed": N_(
            "The address part “%(slug)s” must be 2 to 30 small letters, digits and hyphens,"
            " and start with a letter."
        ),
        "org_slug_reserved": N_("The address part “%(slug)s” is used by the site itself; choose another."),
        "org_slug_taken": N_("Another organisation already has the address part “%(value)s”."),
        "org_code_taken": N_("Another organisation already has the code “%(value)s”."),
        "org_credit_code_taken": N_("Another organisation already has the social credit code “%(value)s”."),
        "org_host_taken": N_("Another organisation already has the host name “%(value)s”."),
        "org_name_missing": N_("The organisation needs its full name and a short name."),
        "org_default_taken": N_("%(name)s already answers for addresses without a prefix."),
        "qualification_unknown": N_("“%(text)s” is not a qualification that can be recorded."),
        "qualification_dates": N_("The last day %(until)s lies before the first day %(start)s."),
        "qualification_twice": N_("This qualification is recorded from %(start)s already."),
        "qualification_number_missing": N_("Write the number of the certificate or announcement."),
        "org_missing": N_("There is no such organisation."),
        "credit_code_malformed": N_(
            "“%(code)s” is not a unified social credit code; check it digit by digit."
        ),
    }
)


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """A unit that stands in the database, as far as the rules look.

    Attributes:
        code: 6, 9 or 12 digits.
        name: its name.
        kind: its kind.
        from_on: first day in use.
        until_on: last day in use; None while it is open.
    """

    code: str
    name: str
    kind: Kind
    from_on: date
    until_on: date | None


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit to be added.

    Attributes:
        code: digits.
        name: Chinese name.
        kind: its kind.
        parent_code: the unit it belongs to; empty for a city.
        name_en: English name; may be empty.
        from_on: first day in use.
        where: the row of a list it came from, for problems; empty on a form.
    """

    code: str
    name: str
    kind: Kind
    parent_code: str
    name_en: str
    from_on: date
    where: str = field(default="", compare=False)


def is_open(from_on: date, until_on: date | None, on: date) -> bool:
    """Say whether something with these dates of validity is in use on a day, both ends included."""
    return from_on <= on and (until_on is None or on <= until_on)


def path_of(parent_path: str, code: str) -> str:
    """Return a unit's path: its own code behind those above it, each closed by a dot.

    Example: ``371400.371402.371402001.``; the dot keeps ``37140.`` from matching.
    """
    return f"{parent_path}{code}."


def is_within(path: str, upper_path: str) -> bool:
    """Say whether a unit is, or lies below, another one."""
    return path.startswith(upper_path)


def kind_of_code(code: str) -> Kind | None:
    """Return the kind a code's digits tell: 12 village, 9 township, 6 county or, with 00, city."""
    match len(code):
        case 12:
            return "village"
        case 9:
            return "township"
        case 6:
            return "city" if code.endswith("00") else "county"
        case _:
            return None


def parent_code_of(code: str) -> str:
    """Return the code above, as the digits tell; empty for a city."""
    match len(code):
        case 12:
            return code[:9]
        case 9:
            return code[:6]
        case 6 if not code.endswith("00"):
            return code[:4] + "00"
        case _:
            return ""


def check_unit(unit: NewUnit, known: Mapping[str, KnownUnit]) -> list[Problem]:
    """Return what is wrong with a unit to be added.

    Args:
        unit: the new unit.
        known: units that stand already, by code; at least its own code and its parent's.

    Problems: ``unit_code_malformed``, ``unit_name_missing``, ``unit_code_taken``,
    ``unit_parent_missing``, ``unit_parent_kind``, ``unit_parent_closed``.
    """
    where = unit.where
    digits = CODE_DIGITS[unit.kind]
    if not (unit.code.isascii() and unit.code.isdigit() and len(unit.code) == digits):
        params = {"code": unit.code[:20], "digits": digits}
        return [Problem("unit_code_malformed", params, where or "code")]
    problems = []
    if not unit.name:
        problems.append(Problem("unit_name_missing", {}, where or "name"))
    if unit.code in known:
        params = {"code": unit.code, "name": known[unit.code].name}
        problems.append(Problem("unit_code_taken", params, where or "code"))
    wanted = PARENT_KINDS[unit.kind]
    if wanted is not None:
        problems += _check_parent(unit, known.get(unit.parent_code), wanted)
    return problems


def _check_parent(unit: NewUnit, parent: KnownUnit | None, wanted: Kind) -> list[Problem]:
    where = unit.where or "parent_code"
    if parent is None:
        return [Problem("unit_parent_missing", {"code": unit.parent_code or "–"}, where)]
    if parent.kind != wanted:
        return [Problem("unit_parent_kind", {"name": parent.name}, where)]
    if not is_open(parent.from_on, parent.until_on, unit.from_on):
        return [Problem("unit_parent_closed", {"name": parent.name, "on": unit.from_on.isoformat()}, where)]
    return []


def check_close(unit: KnownUnit, until_on: date, open_below: int) -> list[Problem]:
    """Return why a unit cannot be closed with a last day.

    Args:
        unit: the unit.
        until_on: its last day in use.
        open_below: how many units below it are in use after that day.

    Problems: ``unit_closed_already``, ``unit_dates_reversed``, ``unit_has_open_below``.
    """
    if unit.until_on is not None:
        return [Problem("unit_closed_already", {"name": unit.name, "until": unit.until_on.isoformat()})]
    if until_on < unit.from_on:
        params = {"until": until_on.isoformat(), "start": unit.from_on.isoformat()}
        return [Problem("unit_dates_reversed", params, "until_on")]
    if open_below:
        return [Problem("unit_has_open_below", {"count": open_below, "name": unit.name}, "until_on")]
    return []


def decode_list(content: bytes) -> str:
    """Return the text of a list, saved as UTF-8 or, as office programs here do, in GB 18030."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace")


def read_units(text: str, on: date) -> list[NewUnit]:
    """Return the units of a CSV list, upper kinds first.

    Kind, unit above and first day may be left out: the digits of the code tell the first
    two, and the day is ``on``.

    Args:
        text: CSV with a heading row; see :data:`_HEADINGS`.
        on: first day in use of rows without one.

    Raises:
        Refused: ``list_heading_missing``, ``list_empty``, ``list_too_long``, or all of
            ``unit_kind_unknown``, ``unit_code_malformed``, ``unit_code_twice``, ``date_unreadable``.
    """
    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if not rows:
        raise refuse("list_empty", "file")
    columns = {_HEADINGS.get(cell.strip().casefold(), ""): index for index, cell in enumerate(rows[0])}
    if not {"code", "name"} <= columns.keys():
        raise refuse("list_heading_missing", "file")
    if len(rows) == 1:
        raise refuse("list_empty", "file")
    if len(rows) - 1 > MAX_ROWS:
        raise refuse("list_too_long", "file", limit=MAX_ROWS)
    units: dict[str, NewUnit] = {}
    problems: list[Problem] = []
    for number, row in enumerate(rows[1:], 2):
        cells = {name: clean_line(row[index]) for name, index in columns.items() if name and index < len(row)}
        try:
            unit = _read_unit(cells, on, str(number))
        except Refused as refused:
            problems += [replace(problem, where=str(number)) for problem in refused.problems]
            continue
        if unit.code in units:
            problems.append(Problem("unit_code_twice", {"code": unit.code}, str(number)))
        units[unit.code] = unit
    if problems:
        raise Refused(*problems[:MAX_PROBLEMS])
    return sorted(units.values(), key=lambda unit: (KINDS.index(unit.kind), unit.code))


def _read_unit(cells: Mapping[str, str], on: date, where: str) -> NewUnit:
    code, word = cells.get("code", ""), cells.get("kind", "")
    kind = _KIND_WORDS.get(word) if word else kind_of_code(code)
    if kind is None and word:
        raise refuse("unit_kind_unknown", text=word[:20])
    if kind is None:
        raise refuse("unit_code_malformed", code=code[:20], digits="6/9/12")
    day = cells.get("from_on", "")
    return NewUnit(
        code=code,
        name=cells.get("name", ""),
        kind=kind,
        parent_code=cells.get("parent_code") or parent_code_of(code),
        name_en=cells.get("name_en", ""),
        from_on=parse_date(day) if day else on,
        where=where,
    )


def judge_units(
    units: Sequence[NewUnit], known: Mapping[str, KnownUnit]
) -> tuple[list[NewUnit], list[Problem]]:
    """Return which units of a list are new, and what is wrong with it.

    A unit that stands already under the same name is passed over, so that a list can be
    read again; under another name it is a problem.

    Args:
        units: upper kinds first, as :func:`read_units` gives them.
        known: all units that stand already, by code.

    Problems: ``unit_differs`` and those of :func:`check_unit`.
    """
    seen = dict(known)
    fresh: list[NewUnit] = []
    problems: list[Problem] = []
    for unit in units:
        if (old := known.get(unit.code)) is not None:
            if old.name != unit.name:
                params = {"code": unit.code, "known": old.name, "given": unit.name}
                problems.append(Problem("unit_differs", params, unit.where))
            continue
        found = check_unit(unit, seen)
        problems += found
        fresh.append(unit)
        seen[unit.code] = KnownUnit(unit.code, unit.name, unit.kind, unit.from_on, None)
    return fresh, problems[:MAX_PROBLEMS]


def check_slug(slug: str, reserved: frozenset[str]) -> list[Problem]:
    """Return why an org cannot have this first part of its addresses.

    Args:
        slug: e.g. ``xiajin``.
        reserved: first parts the site's own pages use.

    Problems: ``org_slug_malformed``, ``org_slug_reserved``.
    """
    if not _SLUG.fullmatch(slug):
        return [Problem("org_slug_malformed", {"slug": slug[:40]}, "slug")]
    return [Problem("org_slug_reserved", {"slug": slug}, "slug")] if slug in reserved else []
