"""The structure tree of a PDF: what is a heading, a table, a picture, for screen readers.

ReportLab writes no tags; these few objects stand beside its own in the same file.
Invariant: every marked piece of a page is listed once in the tree and once in the parent
tree, so that reading order and drawing order are free of each other.
Source: ISO 32000-1, 14.7 and 14.8.
"""

from __future__ import annotations

from typing import Any

from reportlab.pdfbase import pdfdoc


class Element(pdfdoc.PDFObject):  # type: ignore[misc]
    """One element of the tree: its kind, its parent and what it holds.

    Attributes:
        tag: standard structure type, e.g. ``H1``, ``P``, ``Table``, ``TH``, ``Figure``.
        parent: the element above; None for the root's one child.
        kids: elements, marks ``(page, mark)`` and annotations, in reading order.
        attributes: of a table's cell, as PDF.
        alt: the text that stands for a picture; may be empty.
        language: BCP 47, where it differs from the document's; else empty.
    """

    __RefOnly__ = 1

    def __init__(self, tag: str, parent: Element | None, *, alt: str = "") -> None:
        self.tag = tag
        self.parent = parent
        self.kids: list[Element | tuple[int, int] | LinkArea] = []
        self.attributes = ""
        self.alt = alt
        self.language = ""
        if parent is not None:
            parent.kids.append(self)

    def format(self, document: Any) -> bytes:
        """Return the dictionary of this element."""
        above = self.parent if self.parent is not None else document.Catalog.StructTreeRoot
        kids = " ".join(_kid(document, kid) for kid in self.kids)
        page = next((kid[0] for kid in self.kids if isinstance(kid, tuple)), None)
        where = "" if page is None else f"/Pg {page_reference(document, page)}"
        head = f"<</S/{self.tag}/P {reference(document, above)}{where}/K[{kids}]"
        alt = f"/Alt {text_string(self.alt)}" if self.alt else ""
        language = f"/Lang ({self.language})" if self.language else ""
        return f"{head}{self.attributes}{alt}{language}>>\n".encode("ascii")


class LinkArea(pdfdoc.PDFObject):  # type: ignore[misc]
    """An address that can be clicked, over a rectangle of a page.

    Attributes:
        rectangle: left, bottom, right, top in points.
        address: the URL.
        text: what the link says, for screen readers.
        key: index in the parent tree; set when the tree is closed.
    """

    __RefOnly__ = 1

    def __init__(
        self, page: int, rectangle: tuple[float, float, float, float], address: str, text: str
    ) -> None:
        self.page = page
        self.rectangle = rectangle
        self.address = address
        self.text = text
        self.key = 0

    def format(self, document: Any) -> bytes:
        """Return the annotation; flag 4 lets it print, as PDF/A asks."""
        area = " ".join(f"{value:g}" for value in (round(v, 2) for v in self.rectangle))
        address = pdfdoc.PDFString(self.address.encode("ascii", "backslashreplace").decode()).format(document)
        body = (
            f"<</Type/Annot/Subtype/Link/Rect[{area}]/Border[0 0 0]/F 4/StructParent {self.key}"
            f"/Contents {text_string(self.text)}/A<</S/URI/URI "
        )
        return b"".join((body.encode("ascii"), address, b">>>>\n"))


class StructureRoot(pdfdoc.PDFObject):  # type: ignore[misc]
    """The root of the tree and its parent tree."""

    __RefOnly__ = 1

    def __init__(self) -> None:
        self.top = Element("Document", None)
        self.pages: list[list[Element]] = []
        self.links: list[tuple[LinkArea, Element]] = []

    def begin_page(self) -> None:
        """Open the list of marks of the next page."""
        self.pages.append([])

    def mark(self, element: Element) -> int:
        """Enter a marked piece of the present page and return its number there."""
        owners = self.pages[-1]
        element.kids.append((len(self.pages) - 1, len(owners)))
        owners.append(element)
        return len(owners) - 1

    def link(self, element: Element, area: LinkArea) -> None:
        """Enter a clickable area that belongs to an element."""
        element.kids.append(area)
        self.links.append((area, element))

    def attach(self, document: Any) -> None:
        """Give every element its object number, before anything is written."""
        document.Reference(self)
        queue: list[Element] = [self.top]
        for element in queue:
            document.Reference(element)
            queue += [kid for kid in element.kids if isinstance(kid, Element)]
        for number, (area, _) in enumerate(self.links):
            area.key = len(self.pages) + number
            document.Reference(area)

    def format(self, document: Any) -> bytes:
        """Return the root with its parent tree: an array a page, then an element a link."""
        rows = [
            f"{number}[{' '.join(reference(document, owner) for owner in owners)}]"
            for number, owners in enumerate(self.pages)
        ]
        rows += [f"{area.key} {reference(document, owner)}" for area, owner in self.links]
        body = (
            f"<</Type/StructTreeRoot/K[{reference(document, self.top)}]"
            f"/ParentTree<</Nums[{' '.join(rows)}]>>"
            f"/ParentTreeNextKey {len(self.pages) + len(self.links)}>>\n"
        )
        return body.encode("ascii")


def _kid(document: Any, kid: Element | tuple[int, int] | LinkArea) -> str:
    if isinstance(kid, Element):
        return reference(document, kid)
    if isinstance(kid, LinkArea):
        return f"<</Type/OBJR/Pg {page_reference(document, kid.page)}/Obj {reference(document, kid)}>>"
    page, mark = kid
    return f"<</Type/MCR/Pg {page_reference(document, page)}/MCID {mark}>>"


def reference(document: Any, item: Any) -> str:
    """Return the reference to an object that has its number already."""
    number: int = document.idToObjectNumberAndVersion[item.__InternalName__][0]
    return f"{number} 0 R"


def page_reference(document: Any, page: int) -> str:
    """Return the reference to a page, counted from 0."""
    number: int = document.idToObjectNumberAndVersion[f"Page{page + 1}"][0]
    return f"{number} 0 R"


def text_string(text: str) -> str:
    """Return a PDF text string in hexadecimal UTF-16, which needs no escapes."""
    return f"<FEFF{text.encode('utf-16-be').hex()}>"
