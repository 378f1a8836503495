"""The template workbook for books from another system: headings, and a sheet that explains.

Made from the same columns the reading uses. Pure: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from charity.documents.columns import Column, Value
from charity.documents.columns import Kind as CellKind
from charity.documents.spreadsheet import Sheet, write_xlsx
from charity.ledger.chart import CASH_FLOW_ITEMS
from charity.ledger.chart_mapping import mapping
from charity.ledger.opening_rows import INFO, INFO_LINES, PARTY_KINDS, SHEETS, SheetColumn

EXPLANATION = "填表说明"
_CELLS: Mapping[str, CellKind] = {"money": "money", "date": "date"}

_STEPS = (
    "一、在原系统完成启用月份之前各月的记账，导出科目余额表（按基金、限定用途）。",
    "二、先在本系统开设基金、限定用途和资金存放处，表中填写它们的编码。",
    "三、“基本信息”填启用月份（如 2026-09）、原系统名称、原科目制度（2004 或 2026）。",
    "四、“科目余额”一行一个“科目、基金、限定用途、资金存放处”；发生额不含结转收支的凭证，收入、费用保留全年累计。",
    "五、有逐月数据时填“分月发生额”，各月合计须等于本年累计；没有时留空，前几个月合并列示在最后一个月。",
    "六、“现金流量”合计须等于现金、银行存款和在途资金的变动（募捐平台待结算与受托代理资金除外）。",
    "七、“往来款”“存货”须与相应科目的期末余额一致；“前三年指标”上一年年末净资产须等于本年年初净资产。",
    "八、任何一处不平，整份都不会接收；每处差额列出表名、行号和金额。",
    "九、由一人上传、另一人批准后一次接收，不占用凭证号，接收后不能重来。",
)  # fmt: skip


def template(purses: Sequence[tuple[str, str, str]], places: Sequence[tuple[str, str]]) -> bytes:
    """Return the template as XLSX.

    Args:
        purses: fund, earmark and name of every earmark, for the explanation.
        places: code and name of every place of money, likewise.
    """
    info = Sheet(INFO, (Column("项目"), Column("内容")), [[title, None] for title in INFO_LINES.values()])
    sheets = [Sheet(name, [_column(column) for column in columns], []) for name, columns in SHEETS.items()]
    return write_xlsx([_explanation(purses, places), info, *sheets], title="期初数据模板")


def _column(column: SheetColumn) -> Column:
    """Return a column as the spreadsheet writes it; codes stay text."""
    return Column(column.title, _CELLS.get(column.kind, "text"))


def _explanation(purses: Sequence[tuple[str, str, str]], places: Sequence[tuple[str, str]]) -> Sheet:
    """Return the sheet that says what to write where, with the codes in use."""
    return Sheet(
        EXPLANATION,
        (Column("表"), Column("列"), Column("必填"), Column("说明")),
        list(_rows(purses, places)),
        notes=_STEPS,
    )


def _rows(
    purses: Sequence[tuple[str, str, str]], places: Sequence[tuple[str, str]]
) -> Iterator[Sequence[Value]]:
    """Yield the rows of the explanation."""
    for name, columns in SHEETS.items():
        for column in columns:
            yield name, column.title, "是" if column.is_required else "", column.help
    for fund, earmark, text in purses:
        yield "编码", "基金 / 限定用途", "", f"{fund} / {earmark}　{text}"
    for code, text in places:
        yield "编码", "资金存放处", "", f"{code}　{text}"
    for _, text, _, _, direction in CASH_FLOW_ITEMS:
        yield "编码", "现金流量项目", "", f"{text}（{'流入' if direction == 'in' else '流出'}）"
    yield "编码", "往来类别", "", "、".join(PARTY_KINDS)
    for row in mapping().values():
        rule = f"选择 {'、'.join(row.choices)}" if row.choices else f"→ {row.new_code} {row.new_name}"
        yield "2004 科目", f"{row.code} {row.name}", "", rule
