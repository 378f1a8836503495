"""The accounting voucher on paper: every mark the rules ask for, on both papers."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pikepdf
import pytest

from charity.documents.voucher import Paper, VoucherDocument, VoucherLineDocument, render_vouchers
from charity.errors import Refused
from tests.unit.documents import reading
from tests.unit.documents.samples import RARE, VOUCHER

PAPERS: tuple[Paper, ...] = get_args(Paper)


def long_voucher(count: int = 16) -> VoucherDocument:
    """One debit line a payment, one credit line for the bank."""
    first = VoucherLineDocument("", "510101", "业务活动成本—临时救助", "急难救助基金", "", 0, 0)
    lines = [replace(first, summary=f"代发第{n}户", debit_fen=10000 + n) for n in range(count - 1)]
    total_fen = sum(line.debit_fen for line in lines)
    bank = VoucherLineDocument("银行代发", "100201", "银行存款—基本户", "急难救助基金", "", 0, total_fen)
    return replace(VOUCHER, number=7, lines=(*lines, bank))


def red(voucher: VoucherDocument) -> VoucherDocument:
    lines = tuple(
        replace(line, debit_fen=-line.debit_fen, credit_fen=-line.credit_fen) for line in voucher.lines
    )
    return replace(voucher, is_red=True, lines=lines)


def page_count(data: bytes) -> int:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        return len(pdf.pages)


@pytest.mark.parametrize("paper", PAPERS)
def test_a_voucher_is_archival_tagged_and_embeds_its_fonts(paper: Paper) -> None:
    reading.check_sound(render_vouchers([VOUCHER, red(VOUCHER), long_voucher()], paper=paper))


@pytest.mark.parametrize("paper", PAPERS)
def test_a_voucher_prints_what_the_rules_ask_for(paper: Paper, tmp_path: Path) -> None:
    text = reading.pypdf_text(render_vouchers([VOUCHER], paper=paper))
    for said in (
        *("记账凭证", "某某市慈善总会", "2026 年 3 月 5 日", "记字第 12 号", "收到捐赠"),
        *("100201 银行存款—基本户", "医疗救助基金", "儿童先心病手术", "12,345.67"),
        *("合计　人民币壹万贰仟叁佰肆拾伍元陆角柒分", "¥12,345.67", "附件3张"),
        *("会计主管 郑四", "记账 郑四", "稽核 周二", "出纳 吴𬭎", "制单 陈一"),
    ):
        assert said.replace(" ", "") in text.replace(" ", ""), said


def test_the_sheet_is_240_by_140_and_two_fit_on_a4() -> None:
    def size(data: bytes) -> tuple[int, int]:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            _, _, width, height = (round(value * 254 / 720) for value in map(float, pdf.pages[0].MediaBox))
            return width, height

    vouchers = [replace(VOUCHER, number=n) for n in range(1, 5)]
    assert size(render_vouchers(vouchers)) == (240, 140)
    assert size(render_vouchers(vouchers, paper="a4")) == (210, 297)
    assert page_count(render_vouchers(vouchers)) == 4
    assert page_count(render_vouchers(vouchers, paper="a4")) == 2


def test_two_on_a4_leave_a_margin_for_binding(tmp_path: Path) -> None:
    page = reading.picture(render_vouchers([VOUCHER, VOUCHER], paper="a4"), tmp_path, dpi=72)
    for top, bottom in ((0, page.height // 2 - 5), (page.height // 2 + 5, page.height)):
        margin = page.crop((0, top, round(24 * 72 / 25.4), bottom))
        assert margin.getcolors() == [(margin.width * margin.height, (255, 255, 255))]


@pytest.mark.parametrize(
    ("word", "title"), [("记", "记账凭证"), ("收", "收款凭证"), ("付", "付款凭证"), ("转", "转账凭证")]
)
def test_the_word_decides_the_title(word: str, title: str) -> None:
    text = reading.pypdf_text(render_vouchers([replace(VOUCHER, word=word)]))
    assert title in text
    assert f"{word}字第 12 号" in text


def test_a_long_voucher_goes_on_under_part_numbers_and_totals_once() -> None:
    data = render_vouchers([long_voucher(16)])
    text = reading.pypdf_text(data)
    assert page_count(data) == 3
    for said in ("记字第 7 1/3 号", "记字第 7 2/3 号", "记字第 7 3/3 号", "转下页（2/3）", "转下页（3/3）"):
        assert said in text
    assert text.count("合计") == 1
    assert "¥1,501.05" in text


def test_red_is_said_with_a_minus_and_a_word() -> None:
    text = reading.pypdf_text(render_vouchers([red(VOUCHER)]))
    for said in ("红字", "-12,345.67", "-¥12,345.67", "人民币负壹万贰仟叁佰肆拾伍元陆角柒分"):
        assert said in text
    assert "红字" not in reading.pypdf_text(render_vouchers([VOUCHER]))


def test_red_figures_are_red(tmp_path: Path) -> None:
    def reds(voucher: VoucherDocument) -> int:
        page = reading.picture(render_vouchers([voucher]), tmp_path, dpi=72)
        return sum(1 for r, g, b in page.get_flattened_data() if r > 150 and g < 60 and b < 70)

    assert reds(VOUCHER) == 0
    assert reds(red(VOUCHER)) > 20


def test_a_retag_line_says_so() -> None:
    lines = (*VOUCHER.lines, replace(VOUCHER.lines[0], is_retag=True, fund_name="急难救助基金"))
    assert "急难救助基金儿童先心病手术〔重标〕" in reading.pypdf_text(
        render_vouchers([replace(VOUCHER, lines=lines)])
    )


def test_a_voucher_without_number_says_it_is_not_posted() -> None:
    text = reading.pypdf_text(render_vouchers([replace(VOUCHER, number=0, poster="")]))
    assert "未记账" in text
    assert "字第" not in text


def test_the_audit_period_is_named() -> None:
    voucher = replace(VOUCHER, dated_on=date(2026, 12, 31), month_text="审计调整期")
    assert "2026 年 12 月 31 日　审计调整期" in reading.pypdf_text(render_vouchers([voucher]))


@pytest.mark.parametrize("paper", PAPERS)
def test_the_longest_texts_and_amounts_are_printed_whole(paper: Paper) -> None:
    names = {"account_name": "业务活动成本—提供服务成本—" * 5, "fund_name": "某某专项救助基金" * 5}
    summary = "支付某某县某某乡镇困难群众临时救助款及取暖补贴，" * 8
    line = replace(VOUCHER.lines[0], summary=summary, earmark_name="用于学生营养午餐" * 6, **names)
    other = replace(line, debit_fen=0, credit_fen=10_000_000_000_000)
    people = dict.fromkeys(("maker", "reviewer", "cashier", "poster", "chief_accountant"), "欧阳" * 10)
    voucher = replace(
        VOUCHER,
        lines=(replace(line, debit_fen=10_000_000_000_000), other),
        org_name="某某市慈善联合总会" * 9,
        **people,
    )
    data = render_vouchers([voucher], paper=paper)
    reading.check_sound(data)
    text = reading.pypdf_text(data).replace(" ", "")
    for said in (summary, *names.values(), voucher.org_name, voucher.maker, "100,000,000,000.00"):
        assert said in text
    assert "…" not in text


def test_rare_names_sign(tmp_path: Path) -> None:
    data = render_vouchers([replace(VOUCHER, maker=RARE)])
    assert RARE in reading.poppler_text(data, tmp_path)


def test_a_demo_voucher_says_so() -> None:
    assert "演示" in reading.pypdf_text(render_vouchers([replace(VOUCHER, is_demo=True)]))


def test_the_same_vouchers_give_the_same_bytes() -> None:
    assert render_vouchers([VOUCHER, long_voucher()]) == render_vouchers([VOUCHER, long_voucher()])


def test_a_character_no_font_has_is_named_with_its_line() -> None:
    lines = (VOUCHER.lines[0], replace(VOUCHER.lines[1], summary="𠮷"))
    with pytest.raises(Refused) as refused:
        render_vouchers([replace(VOUCHER, lines=lines)])
    assert [problem.where for problem in refused.value.problems] == ["lines-1-summary"]


@pytest.mark.parametrize("vouchers", [[], [replace(VOUCHER, lines=())]])
def test_nothing_to_print_is_refused(vouchers: list[VoucherDocument]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        render_vouchers(vouchers)
