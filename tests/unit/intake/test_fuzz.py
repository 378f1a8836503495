"""Whatever is dropped, only rows or a refusal come out, within bounds."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from charity.errors import Refused
from charity.intake import limits
from charity.intake.read import describe, read_file
from charity.intake.rows import CHANNELS, KIND_HINTS
from charity.money import MAX_FEN
from tests.unit.intake import making

_SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
_OLD = [["捐款人", "金额", "日期"], ["苏禾青", 100.5, "2026-11-08"], ["陆知遥", 20, "2026-11-09"]]


@cache
def _seeds() -> dict[str, bytes]:
    kinds = (".csv", ".xlsx", ".ofx", ".sta", ".xml", ".zip")
    seeds = {path.name: path.read_bytes() for path in _SAMPLES.iterdir() if path.suffix in kinds}
    seeds["old.xls"] = making.xls(making.biff_stream(_OLD), pad=False)
    seeds["open.ods"] = making.ods("".join(making.ods_row(*map(str, row)) for row in _OLD))
    return seeds


def _check(data: bytes) -> None:
    """Read bytes; whatever comes out must keep the promises of the values."""
    try:
        parsed = read_file(data, "x")
    except Refused as refused:
        assert all("%(" not in problem.sentence() for problem in refused.problems)
        return
    assert len(parsed.rows) <= limits.MAX_ROWS
    describe(parsed)
    for row in parsed.rows:
        assert 0 <= row.amount_fen <= MAX_FEN
        assert row.channel in CHANNELS
        assert row.kind_hint in KIND_HINTS
        assert len(row.line_hash) == 64
        assert row.amount_fen > 0 or row.problems
        assert all("%(" not in problem.sentence() for problem in row.problems)
    hashes = [row.line_hash for row in parsed.rows]
    assert len(set(hashes)) == len(hashes)


@given(st.binary(max_size=3_000))
def test_any_bytes(data: bytes) -> None:
    _check(data)


@given(st.text(max_size=400), st.sampled_from(["utf-8", "gb18030", "utf-16", "big5hkscs", "shift_jis"]))
def test_any_text(text: str, encoding: str) -> None:
    _check(text.encode(encoding, "replace"))


_CELL = st.one_of(
    st.sampled_from(
        ["", "-", "0.00", "1,234.50", "-5", "5万", "一千", "2026-11-08", "20261108", "3月5日", "合计", "小计"]
    ),
    st.sampled_from(
        [
            '"',
            "=1+1",
            "#REF!",
            "\ufffd",
            "1E+18",
            "借",
            "贷",
            "SUCCESS",
            "REFUND",
            "收入",
            "支出",
            "退款",
            "手续费",
            "退款成功",
            "已收钱",
            "是",
            "￥1",
            "99999999999999",
        ]
    ),
    st.text(max_size=8),
)
_HEADERS = st.sampled_from(
    [
        making.WECHAT_HEADER,
        making.BANK_HEADER,
        making.DONOR_HEADER,
        "支付宝交易号,业务类型,完成时间,商家实收（元）,服务费（元）,退款批次号/请求号",
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,业务凭证号",
        "账务流水号,业务流水号,发生时间,收入金额（+元）,支出金额（-元）,账户余额（元）,业务类型,备注",
        "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,备注",
        "交易时间,交易分类,交易对方,收/支,金额,收/付款方式,交易状态,交易订单号",
        "记账日期,交易金额,联机余额,对手信息,客户摘要",
        "日期,借贷标志,金额,余额,摘要,付款人名称,收款人名称,币种",
        "序号,姓名,单位名称,捐赠金额（万元）,时间,是否匿名,电话,身份证号,捐赠方式,类别",
    ]
)


@given(_HEADERS, st.lists(st.lists(_CELL, max_size=12), max_size=8))
def test_any_cells_under_known_headings(header: str, rows: list[list[str]]) -> None:
    _check(making.csv_rows([header.split(","), *rows]))


@given(_HEADERS, st.lists(st.lists(_CELL, max_size=12), max_size=6))
@settings(max_examples=25)
def test_any_cells_of_a_workbook(header: str, rows: list[list[str]]) -> None:
    _check(making.xlsx([header.split(","), *rows]))


_PIECE = st.one_of(
    st.sampled_from(
        [
            ":20:A\n", ":25:1/2\n", ":60F:C261118CNY1,00\n", ":61:2611181118C1,00NTRFNONREF//1\n",
            ":61:260230D1,NTRF\n", ":86:166?20x?32y\n", ":86:/NAME/x/REMI/y\n", ":62F:C261118CNY2,00\n",
            ":62F:D261118CNY2\n", "-\n", "{4:\n", "OFXHEADER:100\n", "<OFX>", "</OFX>", "<STMTRS>",
            "</STMTRS>", "<STMTTRN>", "</STMTTRN>", "<CURDEF>CNY", "<TRNAMT>-1,5\n", "<TRNAMT>1.005\n",
            "<DTPOSTED>20261118", "<DTPOSTED>20261399\n", "<FITID>1\n", "<NAME>&#x110000;",
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">', "<BkToCstmrStmt>",
            "<Stmt>", "</Stmt>", "<Ntry>", "</Ntry>", '<Amt Ccy="CNY">1.00</Amt>',
            "<CdtDbtInd>CRDT</CdtDbtInd>", "<Bal>", "</Bal>", "<!DOCTYPE a>",
            "<TxsSummry><TtlNtries><NbOfNtries>9</NbOfNtries></TtlNtries></TxsSummry>",
            "</BkToCstmrStmt></Document>", "\ufeff",
        ]
    ),
    st.text(max_size=6),
)  # fmt: skip


@given(st.lists(_PIECE, max_size=24), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
@settings(max_examples=250)
def test_any_pieces_of_an_exchange_format(pieces: list[str], encoding: str) -> None:
    _check("".join(pieces).encode(encoding, "replace"))


@given(st.data())
@settings(max_examples=120)
def test_any_sample_with_bytes_changed(data: st.DataObject) -> None:
    seed = bytearray(_seeds()[data.draw(st.sampled_from(sorted(_seeds())))])
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(seed) - 1))
        kind = data.draw(st.sampled_from(("set", "cut", "drop", "double", "insert")))
        if kind == "set":
            seed[position] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del seed[max(position, 1) :]
        elif kind == "drop":
            del seed[position : position + data.draw(st.integers(1, 40))]
            seed = seed or bytearray(b"x")
        elif kind == "double":
            seed[position:position] = seed[position : position + 200]
        else:
            seed[position:position] = data.draw(st.binary(min_size=1, max_size=8))
    _check(bytes(seed))


@given(st.data())
@settings(max_examples=60)
def test_any_workbook_whose_parts_are_changed_but_well_packed(data: st.DataObject) -> None:
    """Bytes changed in a zip fail its checksums; here the XML itself is changed."""
    names = [
        name for name in sorted(_seeds()) if name.endswith((".xlsx", ".ods")) and "truncated" not in name
    ]
    whole = _seeds()[data.draw(st.sampled_from(names))]
    with zipfile.ZipFile(io.BytesIO(whole)) as parts:
        name = data.draw(
            st.sampled_from(sorted(part for part in parts.namelist() if part.endswith((".xml", ".rels"))))
        )
        xml = parts.read(name)
    position = data.draw(st.integers(0, len(xml) - 1))
    new = data.draw(
        st.sampled_from([b"", b"9", b"99999999", b"A", b"ZZZ", b"<", b'"', b"/>", b"\xff", b"-1", b"s", b"e"])
    )
    end = position + data.draw(st.integers(0, 12))
    _check(making.repacked(whole, {name: xml[:position] + new + xml[end:]}))


@given(st.binary(max_size=64), st.integers(0, 4_000))
@example(b"\xff\xff\xff\xff", 512 + 12)
@settings(max_examples=100)
def test_any_old_workbook_with_a_piece_changed(piece: bytes, position: int) -> None:
    seed = bytearray(_seeds()["old.xls"])
    position = position % len(seed)
    seed[position : position + len(piece)] = piece
    _check(bytes(seed))


@pytest.mark.parametrize("count", [500, 2_000])
def test_memory_grows_with_the_file_and_not_faster(count: int) -> None:
    import tracemalloc

    lines = [making.wechat_line(number) for number in range(count)]
    total = f"{count * 10}.00"
    data = making.wechat_bill(
        *lines, totals=f"{count},{total},0.00,0.00,{count * 6 // 100}.{count * 6 % 100:02d}"
    )
    tracemalloc.start()
    try:
        parsed = read_file(data, "x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert parsed.problems == ()
    assert peak < 40 * len(data)
