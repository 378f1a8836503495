"""What the public may see of a gift: its name by choice, and what its row is."""

from __future__ import annotations

from charity.disclosure.rules import display_name, row_kind


def test_a_person_without_a_choice_is_a_kind_giver() -> None:
    assert display_name("张三丰", "person", "anonymous") == ("A kind giver", True)
    assert display_name("张三丰", "person", "masked") == ("张*丰", False)
    assert display_name("海岱云帆纺织有限公司", "company", "name") == ("海岱云帆纺织有限公司", False)
    assert display_name("", "company", "name") == ("A kind organisation", True)


def test_only_a_refund_gives_money_back() -> None:
    kinds = [row_kind(kind, fen) for kind in ("normal", "correction") for fen in (100, -100)]
    assert kinds == ["gift", "refund", "correction", "correction"]
