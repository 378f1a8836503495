"""The donation receipt: what it says, that it can be read, and that it is no 捐赠票据."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pikepdf
import pytest
from PIL import Image, ImageDraw

from charity.documents.receipt import (
    LIMITS,
    PART_LIMITS,
    Allocation,
    GiftKind,
    ReceiptDocument,
    check_receipt,
    render_receipt,
    render_receipts,
)
from charity.documents.receipt_words import WORDS
from charity.documents.words import Language
from charity.errors import Refused
from tests.unit.documents import reading
from tests.unit.documents.samples import RARE, RECEIPT

LANGUAGES: tuple[Language, ...] = get_args(Language)
NOT_AN_INVOICE = {
    "zh_Hans": "本函不是公益事业捐赠票据，不能用于税前扣除",
    "zh_Hant": "本函不是公益事業捐贈票據，不能用於稅前扣除",
    "en": "This letter is not an official donation invoice (公益事业捐赠票据) "
    "and cannot be used for tax deduction",
}


def codes(document: ReceiptDocument) -> list[tuple[str, str]]:
    return [(problem.code, problem.where) for problem in check_receipt(document)]


def longest(language: Language = "zh_Hans") -> ReceiptDocument:
    """A receipt whose every text is as long as it may be, and no character stands twice."""
    unused = iter(range(0x4E00, 0x9FA0))
    texts = {name: "".join(chr(next(unused)) for _ in range(limit)) for name, limit in LIMITS.items()}
    texts["verify_url"] = "https://cishan.example/" + "verify/" * 25
    parts = []
    for fund in range(1, 5):
        names = {
            name: "".join(chr(next(unused)) for _ in range(limit)) for name, limit in PART_LIMITS.items()
        }
        parts.append(Allocation(fund_code=f"F{fund}", amount_fen=10**12 + fund, **names))
    return replace(
        RECEIPT,
        **texts,
        language=language,
        kind="goods",
        allocations=tuple(parts),
        amount_fen=sum(part.amount_fen for part in parts),
        is_demo=True,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_is_archival_tagged_and_embeds_its_fonts(language: Language) -> None:
    reading.check_sound(render_receipt(replace(RECEIPT, language=language)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_a_receipt_says_can_be_read_as_text(language: Language, tmp_path: Path) -> None:
    document = replace(RECEIPT, language=language)
    data = render_receipt(document)
    words = WORDS[language]
    expected = [words.title, "李晓㛃、王䶮、赵𬭎", "¥12,345.67", "2026-000123", "先天性心脏病儿童手术救助"]
    expected += ["医疗救助基金", "儿童先心病手术", "2026-03 记-12", "银行转账", "陈一", "周二"]
    expected += [RECEIPT.verify_url, document.sha256[:16], words.kinds["money"], NOT_AN_INVOICE[language]]
    by_poppler, by_pypdf = reading.poppler_text(data, tmp_path), reading.pypdf_text(data)
    for text in expected:
        assert text in by_pypdf
        assert "".join(text.split()) in "".join(by_poppler.split())
    assert RECEIPT.check_code in by_pypdf.replace(" ", "")


def test_rare_names_are_copied_right_by_two_readers(tmp_path: Path) -> None:
    data = render_receipt(replace(RECEIPT, donor_title=RARE))
    assert RARE in reading.poppler_text(data, tmp_path)
    assert RARE in reading.pypdf_text(data)


def test_capitals_follow_the_language_and_names_do_not() -> None:
    amount = {
        "zh_Hans": "人民币壹万贰仟叁佰肆拾伍元陆角柒分",
        "zh_Hant": "人民幣壹萬貳仟叁佰肆拾伍元陸角柒分",
    }
    for language in ("zh_Hans", "zh_Hant"):
        text = reading.pypdf_text(
            render_receipt(replace(RECEIPT, language=language, donor_title="范于家、后丑"))
        )
        assert amount[language] in text
        assert "范于家、后丑" in text


@pytest.mark.parametrize("marks", [{}, {"copy": True}, {"copy": True, "void": True}])
def test_the_code_is_read_back_from_the_page(marks: dict[str, bool], tmp_path: Path) -> None:
    page = reading.picture(render_receipt(replace(RECEIPT, is_demo=True), **marks), tmp_path)
    assert reading.qr_texts(page) == [RECEIPT.verify_url]


def test_the_address_can_be_clicked() -> None:
    with pikepdf.open(io.BytesIO(render_receipt(RECEIPT))) as pdf:
        (area,) = pdf.pages[0].Annots
        assert str(area.A.URI) == RECEIPT.verify_url


def test_a_receipt_never_looks_like_an_official_invoice() -> None:
    for language in LANGUAGES:
        text = reading.pypdf_text(render_receipt(replace(RECEIPT, language=language)))
        for word in (
            "票据代码",
            "票据号码",
            "票據代碼",
            "票據號碼",
            "监制",
            "監製",
            "交款人",
            "校验码",
            "發票",
            "发票",
        ):
            assert word not in text


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    assert render_receipt(RECEIPT) == render_receipt(ReceiptDocument.from_json(RECEIPT.to_json()))


def test_another_snapshot_has_another_identity() -> None:
    def identity(document: ReceiptDocument) -> bytes:
        with pikepdf.open(io.BytesIO(render_receipt(document))) as pdf:
            return bytes(pdf.trailer.ID[0])

    assert identity(RECEIPT) != identity(replace(RECEIPT, purpose="助学"))


def test_threads_do_not_spoil_one_another() -> None:
    documents = [replace(RECEIPT, donor_title=f"{RARE}éàü{i}") for i in range(8)]
    alone = [render_receipt(document) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(render_receipt, documents)) == alone


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_texts_are_printed_whole(language: Language, tmp_path: Path) -> None:
    document = longest(language)
    assert check_receipt(document) == []
    data = render_receipt(document, copy=True)
    reading.check_sound(data)
    text = reading.pypdf_text(data).replace(" ", "")
    said = {name: getattr(document, name) for name in LIMITS}
    for place, part in enumerate(document.allocations):
        said |= {f"{name} {place}": getattr(part, name) for name in PART_LIMITS}
    assert [name for name, value in said.items() if value not in text] == []
    assert reading.qr_texts(reading.picture(data, tmp_path, dpi=200)) == [document.verify_url]


@pytest.mark.parametrize("length", [1, 40, 120, 500])
def test_a_name_of_any_length_is_printed_whole(length: int) -> None:
    name = ("某某经济技术开发区新能源装备制造股份有限公司工会委员会" * 20)[:length]
    assert f"{name}：" in reading.pypdf_text(render_receipt(replace(RECEIPT, donor_title=name)))


def test_nothing_is_drawn_outside_the_frame(tmp_path: Path) -> None:
    for document in (RECEIPT, longest(), replace(longest("en"), is_demo=False)):
        page = reading.picture(render_receipt(document, copy=True), tmp_path, dpi=100)
        margin = page.crop((0, 0, page.width, 22))
        assert margin.getcolors() == [(margin.width * margin.height, (255, 255, 255))]


def test_empty_fields_are_said_not_left_blank() -> None:
    bare = replace(RECEIPT, purpose="", allocations=(), org_contact="", channel="", amount_fen=1)
    data = render_receipt(bare)
    reading.check_sound(data)
    text = reading.pypdf_text(data)
    for said in ("未指定，用于慈善事业", "尚未入账", "尚未记账", "人民币壹分", "¥0.01"):
        assert said in text


def test_a_gift_in_parts_lists_them_and_their_sum() -> None:
    parts = tuple(Allocation(f"F{i}", f"第{i}基金", "", 100 * i, f"记-{i}") for i in range(1, 7))
    document = replace(RECEIPT, allocations=parts, amount_fen=2100)
    text = reading.pypdf_text(render_receipt(document))
    assert "第1基金·¥1.00·记-1" in text
    assert "另有 3 项，共 ¥15.00，见核验页" in text


def test_goods_are_named_with_how_they_were_valued() -> None:
    document = replace(RECEIPT, kind="goods", items="棉被 200 床", valuation="按发票")
    text = reading.pypdf_text(render_receipt(document))
    assert "棉被 200 床（按发票）" in text
    assert "公允价值" in text
    assert "捐赠金额" not in text


def test_every_kind_of_gift_has_its_word() -> None:
    for words in WORDS.values():
        assert set(words.kinds) == set(get_args(GiftKind))


@pytest.mark.parametrize(
    ("language", "copy", "void", "demo"),
    [
        ("zh_Hans", "补打", "作废", "演示"),
        ("zh_Hant", "補打", "作廢", "示範"),
        ("en", "DUPLICATE", "VOID", "DEMO"),
    ],
)
def test_marks_are_read_and_stand_only_where_asked(
    language: Language, copy: str, void: str, demo: str
) -> None:
    document = replace(RECEIPT, language=language)
    plain = reading.pypdf_text(render_receipt(document))
    assert not [mark for mark in (copy, void, demo) if mark in plain]
    marked = render_receipt(replace(document, is_demo=True), copy=True, void=True)
    reading.check_sound(marked)
    assert not [mark for mark in (copy, void, demo) if mark not in reading.pypdf_text(marked)]
    assert reading.tags(marked)[:4] == ["Document", "Sect", "P", "P"]


def test_a_receipt_names_the_one_it_stands_for() -> None:
    text = reading.pypdf_text(render_receipt(replace(RECEIPT, replaces_number="2026-000100")))
    assert "本函代替已作废的 2026-000100 号" in text


def test_the_structure_tells_title_donor_facts_and_code() -> None:
    found = reading.tags(render_receipt(RECEIPT))
    assert found.count("H1") == found.count("H2") == found.count("Figure") == found.count("Link") == 1
    assert found.count("Table") == 2
    assert found.count("TH") == found.count("TD") == 2 + 2 + 2 + 1 + 1 + 3


def test_an_english_receipt_says_which_words_are_chinese() -> None:
    with pikepdf.open(io.BytesIO(render_receipt(replace(RECEIPT, language="en")))) as pdf:
        assert str(pdf.Root.Lang) == "en"
        languages = [
            str(item.Lang) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/Lang" in item
        ]
    assert languages.count("zh") > 5


def test_the_file_names_itself_and_its_day() -> None:
    with pikepdf.open(io.BytesIO(render_receipt(RECEIPT))) as pdf:
        assert str(pdf.docinfo.Title) == "捐赠确认函 2026-000123"
        assert str(pdf.docinfo.Author) == "某某市慈善总会"
        assert str(pdf.docinfo.CreationDate) == "D:20260306000000+08'00'"
        assert str(pdf.Root.Lang) == "zh-Hans"


def test_many_receipts_make_one_file_with_shared_fonts() -> None:
    documents = [
        replace(RECEIPT, receipt_number=f"2026-{n:06d}", verify_url=f"https://a.example/{n}")
        for n in range(1, 6)
    ]
    data = render_receipts(documents, void_numbers={"2026-000002"})
    reading.check_sound(data)
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert len(pdf.pages) == 5
        assert str(pdf.docinfo.Title) == "捐赠确认函 2026-000001 – 2026-000005"
        fonts = {font.objgen for page in pdf.pages for font in page.Resources.Font.values()}
    assert len(fonts) == 2
    assert reading.pypdf_text(data).count("作废") == 1


def test_a_long_file_is_packed_and_stays_sound() -> None:
    documents = [
        replace(RECEIPT, receipt_number=f"2026-{n:06d}", verify_url=f"https://a.example/{n}")
        for n in range(90)
    ]
    data = render_receipts(documents)
    assert b"/ObjStm" in data
    reading.check_sound(data)
    assert data == render_receipts(documents)


def seal_picture() -> bytes:
    image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((20, 20, 280, 280), outline=(190, 30, 20, 200), width=14)
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def test_a_seal_stands_only_on_the_receipt_that_names_it() -> None:
    seal = seal_picture()
    sealed = replace(RECEIPT, seal_sha256=hashlib.sha256(seal).hexdigest())
    data = render_receipt(sealed, seal=seal)
    reading.check_sound(data)
    assert reading.tags(data).count("Figure") == 2
    assert data == render_receipt(sealed, seal=seal)
    assert render_receipt(RECEIPT, seal=seal) == render_receipt(RECEIPT)


@pytest.mark.parametrize("seal", [None, b"another picture"])
def test_a_receipt_is_not_printed_with_another_seal_or_without(seal: bytes | None) -> None:
    document = replace(RECEIPT, seal_sha256=hashlib.sha256(seal_picture()).hexdigest())
    with pytest.raises(Refused) as refused:
        render_receipt(document, seal=seal)
    assert refused.value.codes == ["receipt_seal_differs"]


@pytest.mark.parametrize(
    "name", ["org_name", "donor_title", "receipt_number", "check_code", "verify_url", "handler", "reviewer"]
)
def test_a_receipt_is_not_issued_without(name: str) -> None:
    assert codes(replace(RECEIPT, **{name: "  "})) == [("receipt_field_missing", name)]


@pytest.mark.parametrize("name", LIMITS)
def test_a_text_longer_than_its_room_is_refused(name: str) -> None:
    assert codes(replace(RECEIPT, **{name: "某" * LIMITS[name]})) == []
    assert codes(replace(RECEIPT, **{name: "某" * (LIMITS[name] + 1)})) == [("receipt_text_too_long", name)]


def test_a_long_name_of_a_fund_is_refused() -> None:
    for name, limit in PART_LIMITS.items():
        part = replace(RECEIPT.allocations[0], **{name: "某" * (limit + 1)})
        assert codes(replace(RECEIPT, allocations=(part,))) == [
            ("receipt_text_too_long", f"allocations-0-{name}")
        ]


@pytest.mark.parametrize("amount_fen", [0, -100])
def test_no_receipt_for_nothing_or_less(amount_fen: int) -> None:
    assert codes(replace(RECEIPT, amount_fen=amount_fen, allocations=())) == [
        ("receipt_amount_not_positive", "amount_fen")
    ]


def test_parts_must_add_up_to_the_gift() -> None:
    (problem,) = check_receipt(replace(RECEIPT, amount_fen=1234568))
    assert problem.code == "receipt_allocations_differ"
    assert "¥12,345.67" in problem.sentence()
    assert "¥12,345.68" in problem.sentence()


def test_a_character_no_font_has_is_named_and_nothing_is_printed() -> None:
    with pytest.raises(Refused) as refused:
        render_receipt(replace(RECEIPT, donor_title="𠮷野", purpose="\ue000"))
    assert refused.value.codes == ["character_not_printable", "character_not_printable"]
    assert [problem.where for problem in refused.value.problems] == ["donor_title", "purpose"]
    assert "𠮷 (U+20BB7)" in refused.value.problems[0].sentence()


def test_a_file_without_receipts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        render_receipts([])


def test_dates_read_as_people_write_them() -> None:
    document = replace(RECEIPT, issued_on=date(2026, 12, 31), language="en")
    assert "31 December 2026" in reading.pypdf_text(render_receipt(document))
