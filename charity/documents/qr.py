"""QR codes as one vector path.

Invariant: error level M, a quiet zone of four modules, whole modules only, so that a
phone reads them from paper. Source: ISO/IEC 18004:2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import segno

#: Every mask can be read. Choosing among the eight takes five times as long as making the
#: code; over verify addresses this one has the lowest penalty on average.
MASK = 2
QUIET = 4


@dataclass(frozen=True, slots=True)
class QrPath:
    """A code drawn in modules, origin at the lower left corner of the quiet zone.

    Attributes:
        modules: side length, quiet zone included.
        operators: PDF path operators, to be filled.
    """

    modules: int
    operators: str


@lru_cache(maxsize=2_000)
def qr_path(text: str) -> QrPath:
    """Return the code of an address.

    Args:
        text: what the phone reads, as a rule a URL.
    """
    matrix = segno.make_qr(text, error="m", mask=MASK, boost_error=False).matrix
    side = len(matrix)
    parts: list[str] = []
    for row, line in enumerate(matrix):
        y = side + QUIET - 1 - row
        bits = "".join("1" if cell else "0" for cell in line)
        start = bits.find("1")
        while start >= 0:
            end = bits.find("0", start)
            end = side if end < 0 else end
            parts.append(f"{QUIET + start} {y} {end - start} 1 re")
            start = bits.find("1", end)
    return QrPath(side + 2 * QUIET, " ".join(parts))


def svg_path(text: str) -> tuple[int, str]:
    """Return a code for a page: side in modules, quiet zone included, and the path of its dark ones.

    Not kept: what a page draws may be a secret.
    """
    matrix = segno.make_qr(text, error="m").matrix
    runs = []
    for y, line in enumerate(matrix, QUIET):
        bits = "".join("1" if cell else "0" for cell in line) + "0"
        start = bits.find("1")
        while start >= 0:
            end = bits.find("0", start)
            runs.append(f"M{QUIET + start} {y}h{end - start}v1h-{end - start}z")
            start = bits.find("1", end)
    return len(matrix) + 2 * QUIET, "".join(runs)
