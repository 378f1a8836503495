"""Looking into a finished PDF: its text, its pixels, its fonts, its tags, its conformance."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import zxingcpp
from pikepdf import pdfa
from PIL import Image
from pypdf import PdfReader

from tests.support import needs

_PAINTING = {"Tj", "TJ", "'", '"', "f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "Do", "sh", "EI"}


def poppler_text(data: bytes, tmp_path: Path) -> str:
    """Return the text layer as poppler reads it."""
    program = needs.needed("poppler-utils", "pdftotext")
    file = tmp_path / "document.pdf"
    file.write_bytes(data)
    done = subprocess.run([program, "-layout", str(file), "-"], capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def pypdf_text(data: bytes) -> str:
    """Return the text layer as pypdf reads it, line ends taken out."""
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).replace("\n", "")


def picture(data: bytes, tmp_path: Path, *, dpi: int = 150, page: int = 1) -> Image.Image:
    """Return a page as poppler draws it."""
    program = needs.needed("poppler-utils", "pdftoppm")
    file, target = tmp_path / "document.pdf", tmp_path / "page"
    file.write_bytes(data)
    pages = ["-f", str(page), "-l", str(page), "-singlefile"]
    subprocess.run([program, "-r", str(dpi), "-png", *pages, str(file), str(target)], check=True)
    with Image.open(target.with_suffix(".png")) as image:
        return image.convert("RGB")


def qr_texts(image: Image.Image) -> list[str]:
    """Return what a scanner reads from a picture."""
    return [code.text for code in zxingcpp.read_barcodes(image)]


def conformance(data: bytes) -> list[str]:
    """Return what keeps a file from being PDF/A-2b; nothing if it is."""
    report = pdfa.validate_written(io.BytesIO(data), "2b")
    found = [f"{finding.rule} {finding.where}: {finding.message}" for finding in report.findings]
    return found or ([] if report.passed else [report.verdict])


def fonts_not_embedded(data: bytes) -> list[str]:
    """Return the fonts a file names without carrying them."""
    loose = []
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for page in pdf.pages:
            for font in page.Resources.Font.values():
                if "/FontFile2" not in font.get("/FontDescriptor", {}):
                    loose.append(str(font.BaseFont))
    return loose


def unmarked_operators(data: bytes) -> list[str]:
    """Return painting operators outside of marked content."""
    loose = []
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for page in pdf.pages:
            depth = 0
            for instruction in pikepdf.parse_content_stream(page):
                name = str(instruction.operator)
                depth += {"BDC": 1, "BMC": 1, "EMC": -1}.get(name, 0)
                if not depth and name in _PAINTING:
                    loose.append(name)
            assert depth == 0
    return loose


def outline(data: bytes) -> list[tuple[int, str]]:
    """Return the structure tree as (depth, tag), in reading order."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        return list(_walk(pdf.Root.StructTreeRoot.K, 0))


def _walk(kids: Any, depth: int) -> Iterator[tuple[int, str]]:
    for kid in kids:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield depth, str(kid.S)[1:]
            yield from _walk(kid.get("/K", []), depth + 1)


def tags(data: bytes) -> list[str]:
    """Return the tags of the structure tree, in reading order."""
    return [tag for _, tag in outline(data)]


def broken_marks(data: bytes) -> list[str]:
    """Return where the structure tree and its parent tree disagree."""
    wrong = []
    with pikepdf.open(io.BytesIO(data)) as pdf:
        root = pdf.Root.StructTreeRoot
        numbers = list(root.ParentTree.Nums)
        owners = {int(key): value for key, value in zip(numbers[::2], numbers[1::2], strict=True)}
        for place, page in enumerate(pdf.pages):
            rows = owners[int(page.StructParents)]
            for mark, owner in enumerate(rows):
                marks = [int(kid.MCID) for kid in owner.K if "/MCID" in kid and kid.Pg.objgen == page.objgen]
                if mark not in marks:
                    wrong.append(f"page {place}, mark {mark}")
            for area in page.get("/Annots", []):
                owner = owners[int(area.StructParent)]
                if not any("/Obj" in kid and kid.Obj.objgen == area.objgen for kid in owner.K):
                    wrong.append(f"page {place}, link {area.A.URI}")
    return wrong


def check_sound(data: bytes) -> None:
    """Hold a document to what every document here promises."""
    assert conformance(data) == []
    assert fonts_not_embedded(data) == []
    assert b"Helvetica" not in data
    assert unmarked_operators(data) == []
    assert broken_marks(data) == []
