"""Sheets of XLSX and ODS, walked once before they are read.

Imports errors, the limits and the archive. The reader (calamine) lays a sheet out as a
full rectangle, copies a shared string into each cell that names it and turns an error
value into a blank. So a walk over the XML first finds what must not reach it (a cell at
the far end of the sheet, a string copied a million times) and what must not be lost
(error values, formulas that were never computed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from charity.errors import N_, Refused, refuse, register
from charity.intake.archive import Archive
from charity.intake.limits import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_SHEET_CHARACTERS,
    TAGS_A_CELL,
    USUAL,
    Bounds,
)

PROBLEMS = register(
    {
        "sheet_too_wide": N_(
            "The sheet %(sheet)s of %(name)s reaches to row %(row)s, column %(column)s; that is more than "
            "can be read. Copy the table alone into a new workbook."
        ),
        "sheet_too_heavy": N_(
            "The sheet %(sheet)s of %(name)s holds more text than can be read; split it by date."
        ),
    }
)


@dataclass(slots=True)
class SheetFacts:
    """What a walk over one sheet found.

    Attributes:
        rows: number of rows up to the last one with a value.
        columns: number of columns up to the last one with a value.
        errors: (row, column), from 0 → the error as shown, ``#REF!``.
        uncomputed: cells with a formula and no value, in order.
        merged: (first row, first column, last row, last column), from 0; ODS only.
        characters: characters of all cells together, repeated strings counted each time.
    """

    rows: int = 0
    columns: int = 0
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    uncomputed: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    characters: int = 0

    def check(self, name: str, sheet: str) -> None:
        """Refuse a sheet whose rectangle or text is larger than can be read.

        Raises:
            Refused: ``sheet_too_wide`` or ``sheet_too_heavy``.
        """
        if self.rows > MAX_ROWS or self.columns > MAX_COLUMNS or self.rows * self.columns > MAX_CELLS:
            raise refuse("sheet_too_wide", sheet, name=name, sheet=sheet, row=self.rows, column=self.columns)
        if self.characters > MAX_SHEET_CHARACTERS:
            raise refuse("sheet_too_heavy", sheet, name=name, sheet=sheet)


def column_index(letters: str) -> int:
    """Return the index of a column's letters; A is 0."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - 64
    return index - 1


def local_name(tag: str) -> str:
    """Return an XML name without its prefix."""
    return tag.rpartition(":")[2]


def parse_xml(
    xml: bytes,
    name: str,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> expat.XMLParserType:
    """Run the handlers over one part; a document type is refused, so no entity expands.

    Raises:
        Refused: ``file_unreadable``.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse_doctype(*_: object) -> None:
        raise refuse("file_unreadable", name=name, part=part)

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise refuse("file_unreadable", name=name, part=part) from None
    return parser


def string_sizes(xml: bytes, name: str, part: str, most: int = USUAL.cells) -> list[int]:
    """Return the length of each shared string of an XLSX, in order; reading stops at the most."""
    sizes: list[int] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        kind = local_name(tag)
        if kind == "si":
            if len(sizes) == most:
                raise refuse("sheet_too_heavy", part, name=name, sheet=part)
            sizes.append(0)
        elif kind == "sst" and any(
            int(attributes.get(key, "0")) > len(xml) for key in ("count", "uniqueCount")
        ):
            # The reader sets memory aside for as many strings as are claimed.
            raise refuse("file_unreadable", name=name, part=part)

    def text(characters: str) -> None:
        if sizes:
            sizes[-1] += len(characters)

    parse_xml(xml, name, part, start, text=text)
    return sizes


class _XlsxWalk:
    """Handlers of one worksheet part. Only cells with a value, formula or text count.

    ``left`` is how many marks may still be read, ``rows`` the last row that may hold something.
    """

    def __init__(
        self, sizes: list[int], rows: int, left: int, refusal: Callable[[int, int], Refused]
    ) -> None:
        self.facts = SheetFacts()
        self.left = left
        self._rows, self._refusal = rows, refusal
        self._sizes = sizes
        self._kinds: dict[str, str] = {}
        self._letters: set[str] = set()
        self._row = self._column = -1
        self._here = ""
        self._type = ""
        self._is_formula = self._has_value = self._is_captured = False
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.left -= 1
        if self.left < 0:
            raise self._refusal(self._row + 1, self._column + 1)
        kind = self._kinds.get(tag)
        if kind is None:
            kind = self._kinds[tag] = local_name(tag)
        if kind == "c":
            self._finish()
            self._here = attributes.get("r", "")
            self._type = attributes.get("t", "")
            self._column += 1
        elif kind == "v":
            self._has_value = True
            self._is_captured = self._is_formula or self._type in ("s", "e")
            self._text = ""
            self._place()
        elif kind == "f":
            self._is_formula = True
            self._place()
        elif kind == "is":
            self._has_value = True
            self._place()
        elif kind == "row":
            self._finish()
            self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._column = -1

    def end(self, tag: str) -> None:
        if self._is_captured and self._kinds.get(tag) == "v":
            self._is_captured = False
            if self._type == "s" and self._text.isdecimal():
                index = int(self._text)
                self.facts.characters += self._sizes[index] if index < len(self._sizes) else 0
            elif self._type == "e":
                self.facts.errors[self._position()] = self._text[:20]
            elif self._is_formula and not self._text and self._type != "str":
                self._has_value = False

    def text(self, characters: str) -> None:
        if self._is_captured:
            self._text += characters

    def _place(self) -> None:
        """Note the row and column of the cell at hand."""
        row, column = self._position()
        if row >= self.facts.rows:
            if row >= self._rows:
                raise self._refusal(row + 1, column + 1)
            self.facts.rows = row + 1
        if column >= self.facts.columns:
            self.facts.columns = column + 1

    def _position(self) -> tuple[int, int]:
        if not self._here:
            return self._row, self._column
        letters = self._here.rstrip("0123456789")
        if not letters.isascii() or not letters.isalpha() or len(letters) > 3 or letters == self._here:
            raise ValueError(self._here)
        self._column = column_index(letters)
        return int(self._here[len(letters) :]) - 1, self._column

    def _finish(self) -> None:
        """Close the cell at hand: a formula without a value is remembered."""
        if self._is_formula and not self._has_value:
            self.facts.uncomputed.append(self._position())
        self._is_formula = self._has_value = False

    def finish(self) -> SheetFacts:
        self._finish()
        return self.facts


def walk_xlsx(
    xml: bytes, sizes: list[int], name: str, part: str, sheet: str, rows: int, left: int
) -> tuple[SheetFacts, int]:
    """Return the facts of one worksheet part, and how many marks may still be read.

    Raises:
        Refused: ``file_unreadable``; ``sheet_too_wide`` as soon as a limit is reached.
    """

    def refusal(row: int, column: int) -> Refused:
        return refuse("sheet_too_wide", sheet, name=name, sheet=sheet, row=row, column=column)

    walk = _XlsxWalk(sizes, rows, left, refusal)
    parse_xml(xml, name, part, walk.start, walk.end, walk.text)
    return walk.finish(), walk.left


def facts_of_xlsx(archive: Archive, name: str, bounds: Bounds = USUAL) -> dict[str, SheetFacts]:
    """Return sheet name → facts, for every part that holds a sheet.

    A part that no name leads to stands under its own part name: it is checked all the
    same, since the reader might find another way to it.

    Raises:
        Refused: see :class:`Archive`, :func:`walk_xlsx` and :meth:`SheetFacts.check`.
    """
    _refuse_chimera(archive, name, ("content.xml", "xl/workbook.bin"))
    contents = {part: archive.read(part) for part in sorted(archive.parts) if not part.endswith("/")}
    sizes: list[int] = []
    for part, xml in contents.items():
        if b"<sst" in xml[:2_000] or part.lower().endswith("sharedstrings.xml"):
            sizes += string_sizes(xml, name, part, bounds.cells - len(sizes))
    names = _sheet_names(contents, name)
    found: dict[str, SheetFacts] = {}
    left, cells = bounds.cells * TAGS_A_CELL, 0
    for part, xml in contents.items():
        if b"sheetData" in xml:
            sheet = names.get(part.lower(), part)
            facts, left = walk_xlsx(xml, sizes, name, part, sheet, bounds.rows, left)
            facts.check(name, sheet)
            cells += facts.rows * facts.columns
            if cells > MAX_CELLS:
                raise refuse(
                    "sheet_too_wide", sheet, name=name, sheet=sheet, row=facts.rows, column=facts.columns
                )
            found[sheet] = facts
    return found


def _refuse_chimera(archive: Archive, name: str, parts: tuple[str, ...]) -> None:
    """Refuse a zip that is two kinds of workbook at once: the reader might open the unwalked one."""
    for part in archive.parts:
        if part.lower() in parts:
            raise refuse("file_unreadable", name=name, part=part)


def _sheet_names(contents: dict[str, bytes], name: str) -> dict[str, str]:
    """Return part name, lower case → sheet name."""
    targets: dict[str, str] = {}
    names: dict[str, str] = {}

    def relation(tag: str, attributes: dict[str, str]) -> None:
        if local_name(tag) == "Relationship":
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else "xl/" + target.removeprefix("./")
            targets[attributes.get("Id", "")] = path.lower()

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if local_name(tag) == "sheet":
            by_local = {local_name(key): value for key, value in attributes.items() if ":" in key}
            names[targets.get(by_local.get("id", ""), "")] = attributes.get("name", "")

    for part, handler in (("xl/_rels/workbook.xml.rels", relation), ("xl/workbook.xml", sheet)):
        if part in contents:
            parse_xml(contents[part], name, part, handler)
    return names


class _OdsWalk:
    """Handlers of an ODS content part: repeated cells and rows are counted in full."""

    def __init__(self) -> None:
        self.found: dict[str, SheetFacts] = {}
        self._facts = SheetFacts()
        self._row = self._column = self._row_times = self._times = 0
        self._is_filled = self._is_error = self._in_cell = False
        self._text = ""
        self._filled_columns = self._row_characters = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        kind = local_name(tag)
        values = {local_name(key): value for key, value in attributes.items()}
        if kind == "table":
            self._facts = self.found.setdefault(values.get("name", ""), SheetFacts())
            self._row = 0
        elif kind == "table-row":
            self._row_times = _times(values.get("number-rows-repeated"))
            self._column = self._filled_columns = self._row_characters = 0
        elif kind in ("table-cell", "covered-table-cell"):
            self._in_cell, self._text = True, ""
            self._times = _times(values.get("number-columns-repeated"))
            self._is_filled = "value-type" in values
            self._is_error = attributes.get("calcext:value-type") == "error"
            rows = _times(values.get("number-rows-spanned"))
            columns = _times(values.get("number-columns-spanned"))
            if rows > 1 or columns > 1:
                last = (self._row + rows - 1, self._column + columns - 1)
                self._facts.merged.append((self._row, self._column, *last))

    def text(self, characters: str) -> None:
        if self._in_cell:
            self._text += characters

    def end(self, tag: str) -> None:
        kind = local_name(tag)
        if kind in ("table-cell", "covered-table-cell"):
            self._in_cell = False
            if self._is_error:
                self._facts.errors[self._row, self._column] = self._text[:20] or "#ERR"
            self._column += self._times
            if self._is_filled or self._text:
                self._filled_columns = self._column
                self._row_characters += len(self._text) * self._times
        elif kind == "table-row":
            self._row += self._row_times
            if self._filled_columns:
                self._facts.rows = self._row
                self._facts.columns = max(self._facts.columns, self._filled_columns)
                self._facts.characters += self._row_characters * self._row_times


def _times(text: str | None) -> int:
    if text is None:
        return 1
    times = int(text)
    if times < 0:
        raise ValueError(text)
    return times


def facts_of_ods(archive: Archive, name: str) -> dict[str, SheetFacts]:
    """Return sheet name → facts of an ODS.

    Raises:
        Refused: see :class:`Archive` and :meth:`SheetFacts.check`.
    """
    _refuse_chimera(archive, name, ("xl/workbook.xml", "xl/workbook.bin"))
    contents = {part: archive.read(part) for part in sorted(archive.parts) if not part.endswith("/")}
    if "content.xml" not in contents:
        raise refuse("file_unreadable", name=name, part="content.xml")
    walk = _OdsWalk()
    parse_xml(contents["content.xml"], name, "content.xml", walk.start, walk.end, walk.text)
    for sheet, facts in walk.found.items():
        facts.check(name, sheet)
    total = sum(facts.rows * facts.columns for facts in walk.found.values())
    if total > MAX_CELLS:
        raise refuse("sheet_too_wide", name=name, sheet="1…", row=total, column=1)
    return walk.found
