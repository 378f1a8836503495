"""A paper is what its content says; what acts when it is opened is no paper."""

from __future__ import annotations

import io
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from charity.ledger import paper_judging, pdf_reader
from charity.ledger.paper_judging import check_paper
from tests.unit.intake.making import crowded_zip

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
INVOICE = b"<?xml version='1.0' encoding='UTF-8'?><EInvoice><Amount>1.00</Amount></EInvoice>"


def codes(data: bytes, name: str) -> list[str]:
    return [problem.code for problem in check_paper(data, name)]


def container(*names: str, size: int = 3) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, bytes(size))
    return stream.getvalue()


def pdf(packed: bool = False, **root: object) -> bytes:
    made, stream = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    for key, value in root.items():
        made.Root[f"/{key}"] = value
    mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
    made.save(stream, object_stream_mode=mode)
    return stream.getvalue()


def locked_pdf() -> bytes:
    made, stream = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    made.save(stream, encryption=pikepdf.Encryption(owner="o", user="u"))
    return stream.getvalue()


def packed_pdf(unpacked: bytes, *, blanks: int, layers: int, kind: bytes = b"/ObjStm") -> bytes:
    """Return a PDF with one packed stream of objects, padded with blanks and packed again and again."""
    packer = zlib.compressobj(9)
    packed = packer.compress(unpacked)
    for _ in range(blanks):
        packed += packer.compress(b" " * 2**20)
    packed += packer.flush()
    for _ in range(layers - 1):
        packed = zlib.compress(packed, 9)
    filters = b"[" + b" /FlateDecode" * layers + b" ]"
    out, at = io.BytesIO(), {}
    out.write(b"%PDF-1.5\n")
    bodies = {
        1: b"<< /Type /Catalog /Pages 2 0 R /OpenAction 10 0 R >>",
        2: b"<< /Type /Pages /Kids [] /Count 0 >>",
        3: b"<< /Type %s /N 1 /First 5 /Length %d /Filter %s >>\nstream\n%s\nendstream"
        % (kind, len(packed), filters, packed),
    }
    for number, body in bodies.items():
        at[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    at[4] = out.tell()
    entries = [(0, 0, 255), *((1, at[number], 0) for number in (1, 2, 3, 4)), *[(0, 0, 0)] * 5, (2, 3, 0)]
    rows = b"".join(struct.pack(">BIB", *entry) for entry in entries)
    out.write(b"4 0 obj\n<< /Type /XRef /Size 11 /W [1 4 1] /Root 1 0 R /Length %d >>\n" % len(rows))
    out.write(b"stream\n" + rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % at[4])
    return out.getvalue()


SCRIPT = Dictionary(S=Name.JavaScript, JS="app.alert(1)")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pdf(), "发票.pdf"),
        (pdf(packed=True), "发票.PDF"),
        (pdf(), "没有扩展名"),
        (b"%PDF-1.7 broken by a scanner", "扫描.pdf"),
        (PNG, "照片.png"),
        (b"\xff\xd8\xff\xe0", "照片.jpeg"),
        (b"II*\x00", "扫描.tif"),
        (INVOICE, "数电票.xml"),
        (OLE, "旧表.xls"),
        ("日期,金额\n".encode(), "流水.csv"),
        (container("OFD.xml", "Doc_0/Document.xml"), "电子发票.ofd"),
        (container("[Content_Types].xml", "xl/workbook.xml"), "名单.xlsx"),
        (container("[Content_Types].xml", "word/document.xml"), "协议.docx"),
        (pdf(OpenAction=Dictionary(S=Name.GoTo, D=Array([]))), "目录.pdf"),
    ],
)
def test_papers_of_every_kind_are_taken(data: bytes, name: str) -> None:
    assert codes(data, name) == []


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"MZ\x90\x00" + bytes(60), "发票.pdf", "attachment_kind"),
        (b"\x7fELF", "a", "attachment_kind"),
        (container("a.txt"), "材料.zip", "attachment_kind"),
        (b"PK\x03\x04 cut off", "名单.xlsx", "attachment_kind"),
        (PNG, "发票.pdf", "attachment_mismatch"),
        (pdf(), "照片.png", "attachment_mismatch"),
        (pdf(), "照片.png.exe", "attachment_mismatch"),
        (container("a.txt"), "名单.xlsx", "attachment_mismatch"),
        (b"<!DOCTYPE html><p>", "说明.txt", "attachment_page"),
        (b"\xef\xbb\xbf  <script>alert(1)</script>", "流水.csv", "attachment_page"),
        (b"<svg onload='x'/>", "图.png", "attachment_page"),
        (b"<?xml version='1.0'?><svg xmlns='x'><script/></svg>", "图.xml", "attachment_page"),
        (b"<?xml version='1.0'?><?xml-stylesheet href='x.xsl'?><a/>", "a.xml", "attachment_page"),
        (
            b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a/>",
            "a.xml",
            "attachment_page",
        ),
        (
            b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'/>",
            "a.xml",
            "attachment_page",
        ),
        (OLE + "_VBA_PROJECT".encode("utf-16-le"), "旧表.xls", "attachment_macro"),
        (container("xl/workbook.xml", "xl/vbaProject.bin"), "名单.xlsx", "attachment_macro"),
        (pdf(OpenAction=SCRIPT), "a.pdf", "attachment_script"),
        (pdf(packed=True, OpenAction=SCRIPT), "a.pdf", "attachment_script"),
        (
            pdf(packed=True, Names=Dictionary(JavaScript=Dictionary(Names=Array(["x", SCRIPT])))),
            "a.pdf",
            "attachment_script",
        ),
        (pdf(OpenAction=Dictionary(S=Name.Launch, F="cmd.exe")), "a.pdf", "attachment_script"),
        (b"%PDF-1.7 broken /JavaScript (x)", "a.pdf", "attachment_script"),
        (b"%PDF-1.7 broken /Java#53cript (x)", "a.pdf", "attachment_script"),
        (locked_pdf(), "a.pdf", "attachment_locked"),
    ],
)
def test_what_is_no_paper_is_refused(data: bytes, name: str, code: str) -> None:
    assert codes(data, name) == [code]


@pytest.mark.parametrize(
    ("unpacked", "blanks", "layers", "kind"),
    [
        pytest.param(b"10 0 << /A 1 >>", 300, 2, b"/ObjStm", id="300 MB in some kilobytes"),
        pytest.param(b"10 0 << /A 1 >>", 100, 1, b"/ObjStm", id="100 MB"),
        pytest.param(b"10 0 << /A 1 >>", 0, 3, b"/ObjStm", id="deep"),
        pytest.param(b"10 0 << /A 1 >>", 100, 2, b"/#4fbj#53tm", id="escaped"),
        pytest.param(b"10 0 << /A 1 >>", 100, 1, b"/Else", id="unnamed"),
        pytest.param(b"10 0 << /JS (x) >>", 100, 1, b"/ObjStm", id="script behind blanks"),
    ],
)
def test_a_pdf_that_cannot_be_looked_through_is_refused(
    unpacked: bytes, blanks: int, layers: int, kind: bytes
) -> None:
    data = packed_pdf(unpacked, blanks=blanks, layers=layers, kind=kind)
    assert len(data) < 200_000
    assert codes(data, "发票.pdf") == ["attachment_heavy"]


def test_nothing_may_be_packed_in_a_pdf_that_is_cut_off() -> None:
    assert codes(b"%PDF-1.7 cut off <</Type /X#52ef>> stream", "发票.pdf") == ["attachment_heavy"]


def test_what_is_packed_within_bounds_is_looked_into() -> None:
    assert codes(packed_pdf(b"10 0 << /A 1 >>", blanks=1, layers=1), "a.pdf") == []
    assert codes(packed_pdf(b"10 0 << /S /JavaScript /JS (x) >>", blanks=1, layers=1), "a.pdf") == [
        "attachment_script"
    ]


def test_a_pdf_takes_no_memory_of_the_house() -> None:
    """Every number of a list is an object of the reader: 2 MB of them would be 200 here."""
    data = b"%PDF-1.4\n1 0 obj\n[" + b"0 " * 2**20 + b"]\nendobj\ntrailer<</Root 1 0 R>>\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes(data, "a.pdf")
    codes(packed_pdf(b"10 0 << /A 1 >>", blanks=300, layers=2), "a.pdf")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_the_reader_bounds_itself() -> None:
    """A process of its own says how much it may take, once it has bounded itself."""
    asked = (
        "import resource, runpy, sys; runpy.run_path(sys.argv[1])['bound']();"
        " print(*(resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)))"
    )
    reader = Path(pdf_reader.__file__)
    done = subprocess.run([sys.executable, "-c", asked, str(reader)], capture_output=True, text=True)
    assert done.stdout.split() == [str(pdf_reader.MEMORY_LIMIT), str(pdf_reader.SECONDS)]


def test_a_reader_that_ends_early_takes_nothing_for_granted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader = tmp_path / "reader.py"
    monkeypatch.setattr(paper_judging, "_READER", reader)
    for text in ("raise MemoryError", "import os; os.abort()", "print('still?')"):
        reader.write_text(text)
        assert codes(pdf(), "a.pdf") == ["attachment_heavy"]
    reader.write_text("import signal; signal.pause()")
    monkeypatch.setattr(paper_judging, "_LONGEST", 0.01)
    assert codes(pdf(), "a.pdf") == ["attachment_heavy"]


def test_a_bomb_is_refused_by_its_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_judging, "UNPACKED_LIMIT", 1000)
    assert codes(container("xl/workbook.xml", size=1001), "名单.xlsx") == ["attachment_bomb"]
    monkeypatch.setattr(paper_judging, "FILES_LIMIT", 1)
    assert codes(container("xl/workbook.xml", "a", size=1), "名单.xlsx") == ["attachment_bomb"]


def test_a_list_that_is_too_long_is_not_even_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = crowded_zip(paper_judging.FILES_LIMIT + 1)
    with zipfile.ZipFile(io.BytesIO(crowded_zip(20))) as archive:
        assert len(archive.infolist()) == 20  # the library believes no count
    monkeypatch.setattr(zipfile, "ZipFile", None)  # opening it would raise
    assert codes(data, "名单.xlsx") == ["attachment_bomb"]


def test_an_encrypted_container_is_refused() -> None:
    data = bytearray(container("xl/workbook.xml"))
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1  # the general purpose flag of the list's entry
    assert codes(bytes(data), "名单.xlsx") == ["attachment_locked"]
