"""What a typed word means: a code, a name, pinyin; never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charity.errors import Refused
from charity.ids import key_of
from charity.ledger.lookup import account_code, code_of, fits_fund
from charity.ledger.rules import AccountInfo


def account(code: str, name: str, restriction: str = "any", *, is_postable: bool = True) -> AccountInfo:
    return AccountInfo(int(code), code, name, f"English {name}", "asset", restriction, is_postable, False)


CHART = {
    row.code: row
    for row in (
        account("1001", "现金"),
        account("1002", "银行存款"),
        account("100291", "银行存款—受托代理资产", "agency"),
        account("4101", "捐赠收入", "split", is_postable=False),
        account("410101", "捐赠收入—非限定性收入", "no"),
        account("410102", "捐赠收入—限定性收入", "yes"),
    )
}


@pytest.mark.parametrize(
    ("typed", "kind", "code"),
    [
        ("", "general", ""),
        ("1002", "general", "1002"),
        ("1002 银行存款", "general", "1002"),
        ("1002银行存款", "", "1002"),
        ("银行存款", "", "1002"),
        ("现", "", "1001"),
        ("yhck", "restricted", "1002"),
        ("yinhangcunkuan", "agency", "100291"),
        ("English 现金", "", "1001"),
        ("4101", "restricted", "410102"),
        ("4101", "general", "410101"),
        ("捐赠", "restricted", "410102"),
        ("4101", "agency", "4101"),
        ("4101", "", "4101"),
        ("9999", "general", "9999"),
        ("没有这个科目", "general", "没有这个科目"),
    ],
)
def test_an_account_is_what_the_typed_word_means(typed: str, kind: str, code: str) -> None:
    assert account_code(typed, CHART, kind) == code


def test_a_word_that_fits_several_names_them() -> None:
    with pytest.raises(Refused) as refused:
        account_code("捐赠", CHART)
    assert refused.value.codes == ["entry_ambiguous"]
    assert "410101 捐赠收入—非限定性收入" in refused.value.problems[0].sentence()


@pytest.mark.parametrize(
    ("restriction", "kinds"),
    [
        ("any", {"restricted", "general"}),
        ("no", {"general"}),
        ("yes", {"restricted"}),
        ("agency", {"agency"}),
        ("split", set()),
    ],
)
def test_an_account_fits_the_kinds_of_fund_its_restriction_names(restriction: str, kinds: set[str]) -> None:
    row = account("1", "x", restriction)
    assert {kind for kind in ("restricted", "general", "agency") if fits_fund(row, kind)} == kinds


PROJECTS = {"P-1": "困境儿童助学", "P-2": "老人助餐", "P-22": "老人助餐二期"}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", ""),
        ("P-2", "P-2"),
        ("P-22 老人助餐二期", "P-22"),
        ("老人助餐", "P-2"),
        ("kunjing", "P-1"),
        ("x", "x"),
    ],
)
def test_a_project_is_what_the_typed_word_means(typed: str, code: str) -> None:
    assert code_of(typed, PROJECTS) == code


def test_a_project_s_word_that_fits_several_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        code_of("老人", PROJECTS)
    assert refused.value.codes == ["entry_ambiguous"]


@given(st.sampled_from(sorted(CHART)), st.sampled_from(["", "restricted", "general", "agency"]))
def test_a_code_alone_never_leads_outside_its_family(code: str, kind: str) -> None:
    assert account_code(code, CHART, kind).startswith(code)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9" * 40, None),
        ("-1", None),
        ("١", None),
        ("1.0", None),
        ("", None),
    ],
)
def test_an_id_of_an_address_is_a_number_the_database_can_hold(text: str, key: int | None) -> None:
    assert key_of(text) == key
