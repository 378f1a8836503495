"""A paper is what its content says; what acts when it is opened is no paper."""

from __future__ import annotations

import io
import zipfile

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from charity.ledger import paper_judging
from charity.ledger.paper_judging import check_paper

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
        (locked_pdf(), "a.pdf", "attachment_locked"),
    ],
)
def test_what_is_no_paper_is_refused(data: bytes, name: str, code: str) -> None:
    assert codes(data, name) == [code]


def test_a_bomb_is_refused_by_its_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_judging, "UNPACKED_LIMIT", 1000)
    assert codes(container("xl/workbook.xml", size=1001), "名单.xlsx") == ["attachment_bomb"]
    monkeypatch.setattr(paper_judging, "FILES_LIMIT", 1)
    assert codes(container("xl/workbook.xml", "a", size=1), "名单.xlsx") == ["attachment_bomb"]


def test_an_encrypted_container_is_refused() -> None:
    data = bytearray(container("xl/workbook.xml"))
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1  # the general purpose flag of the list's entry
    assert codes(bytes(data), "名单.xlsx") == ["attachment_locked"]
