"""A row that was kept is the row that was read."""

from __future__ import annotations

from charity.imports.stored_rows import row_text, row_value
from charity.intake.read import read_file
from tests.gifts import Move, Pay, bank_export, donor_list, wechat_bill


def test_rows_of_every_kind_of_file_come_back_as_they_were() -> None:
    files = [
        wechat_bill([Pay("1", "100.00"), Pay("1", "20.00", refund_no="9", fee="-0.12")]),
        bank_export([Move("500.00", "张三", "捐款", account="6222020012345678"), Move("5.00", is_out=True)]),
        donor_list([["李四", "200", "2026-03-17", "助学", "13805341234"]]),
    ]
    for data in files:
        for row in read_file(data, "file.csv").rows:
            kept = row_value(row_text(row))
            assert kept._replace(headers=row.headers, cells=row.cells) == row


def test_a_row_with_a_problem_keeps_its_cells() -> None:
    row = read_file(donor_list([["李四", "很多", "2026-03-17", "", ""]]), "file.csv").rows[0]
    kept = row_value(row_text(row))
    assert [problem.code for problem in kept.problems] == [problem.code for problem in row.problems]
    assert kept.raw == row.raw
