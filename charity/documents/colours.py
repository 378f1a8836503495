"""The house colours on paper: warm ink, fine rules, one accent, one colour a fund."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour of sRGB, written ``rrggbb``."""

    code: str
    operands: str = ""

    def __post_init__(self) -> None:
        parts = [int(self.code[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        object.__setattr__(self, "operands", " ".join(f"{part:.3g}" for part in parts))


INK = Colour("2a2521")
INK_SOFT = Colour("6d635a")
LINE = Colour("d8cdbf")
LINE_STRONG = Colour("8d8073")
PAPER = Colour("fffdf9")
PAPER_WARM = Colour("fbf5ea")
WHITE = Colour("ffffff")
#: 朱砂: the one accent, for the act that matters and for marks of the house.
CINNABAR = Colour("b23a2a")
CINNABAR_PALE = Colour("e9c9c0")
#: 红字: figures that take back, never decoration.
RED_FIGURE = Colour("b1101d")
WATERMARK = Colour("f3ece1")

#: One colour a fund, everywhere; all other money is slate.
FUNDS = {"F1": Colour("d2562a"), "F2": Colour("1f7f7a"), "F3": Colour("b3812b")}
SLATE = Colour("5c6873")


def fund_colour(code: str) -> Colour:
    """Return the colour of a fund by its code."""
    return FUNDS.get(code, SLATE)
