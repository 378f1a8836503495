"""What makes a file PDF/A-2b: its metadata, its colours and its identity.

Written straight into ReportLab's file, since a second pass over the finished file would
cost as much as drawing it; the tests put every kind of document before pikepdf's
validator. Nothing here reads the clock: dates come from the document.
Source: ISO 19005-2, 6.2.3 and 6.6.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.utils import TimeStamp
from reportlab.pdfbase import pdfdoc

PRODUCER = "charity-ledger with ReportLab"

#: Primaries of sRGB adapted to D50, XYZ, in 1/65536 (IEC 61966-2-1, ICC.1:2001-04 annex).
_PRIMARIES = {
    b"rXYZ": (0x6FA2, 0x38F5, 0x0390),
    b"gXYZ": (0x6299, 0xB785, 0x18DA),
    b"bXYZ": (0x24A0, 0x0F84, 0xB6CF),
}
_WHITE_D50 = (0xF6D6, 0x10000, 0xD32D)


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What a file says about itself.

    Attributes:
        title: shown in the reader's window.
        author: the org that issues it.
        subject: one line on what it is.
        language: of the text, ``zh_Hans``, ``zh_Hant`` or ``en``.
        made_on: the business date; the file's dates are the midnight of it in China.
    """

    title: str
    author: str
    subject: str
    language: str
    made_on: date

    @property
    def language_tag(self) -> str:
        """Return the language as BCP 47."""
        return self.language.replace("_", "-")


def declare(document: Any, info: DocumentInfo) -> None:
    """Write the metadata of a file: information dictionary, XMP, output intent, viewer.

    Args:
        document: ReportLab's document object, before it is written.
        info: what to say.
    """
    moment = TimeStamp(invariant=1)
    moment.YMDhms = (info.made_on.year, info.made_on.month, info.made_on.day, 0, 0, 0)
    moment.dhh = 8
    document._timeStamp = moment
    document.setTitle(info.title)
    document.setAuthor(info.author)
    document.setSubject(info.subject)
    document.setCreator(PRODUCER)
    document.setProducer(PRODUCER)
    catalog = document.Catalog
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "OutputIntents"]
    catalog.Lang = f"({info.language_tag})"
    catalog.MarkInfo = "<</Marked true>>"
    catalog.ViewerPreferences = "<</DisplayDocTitle true>>"
    catalog.Metadata = pdfdoc.PDFStream(
        pdfdoc.PDFDictionary({"Type": "/Metadata", "Subtype": "/XML"}), xmp_packet(info).encode("utf-8")
    )
    profile = pdfdoc.PDFStream(
        pdfdoc.PDFDictionary({"N": 3, "Filter": "/FlateDecode"}), zlib.compress(srgb_profile(), 9) + b"\n"
    )
    number = document.Reference(profile, "OutputProfile").format(document).decode("ascii")
    catalog.OutputIntents = (
        "[<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB IEC61966-2.1)"
        f"/Info(sRGB IEC61966-2.1)/DestOutputProfile {number}>>]"
    )


def packed(data: bytes) -> bytes:
    """Return the same file with its objects in compressed streams; still PDF/A-2b."""
    import pikepdf

    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return target.getvalue()


def xmp_packet(info: DocumentInfo) -> str:
    """Return the XMP packet that claims PDF/A-2b and repeats the information dictionary."""
    moment = f"{info.made_on.isoformat()}T00:00:00+08:00"
    alternative = '<rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt>'
    fields = {
        "dc:format": "application/pdf",
        "dc:title": alternative.format(escape(info.title)),
        "dc:creator": f"<rdf:Seq><rdf:li>{escape(info.author)}</rdf:li></rdf:Seq>",
        "dc:description": alternative.format(escape(info.subject)),
        "dc:language": f"<rdf:Bag><rdf:li>{info.language_tag}</rdf:li></rdf:Bag>",
        "xmp:CreateDate": moment,
        "xmp:ModifyDate": moment,
        "xmp:MetadataDate": moment,
        "xmp:CreatorTool": PRODUCER,
        "pdf:Producer": PRODUCER,
        "pdfaid:part": "2",
        "pdfaid:conformance": "B",
    }
    body = "".join(f"<{name}>{value}</{name}>\n" for name, value in fields.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"'
        ' xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">\n'
        f"{body}</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>\n'
    )


@cache
def srgb_profile() -> bytes:
    """Return a small ICC profile of sRGB: matrix and one tone curve for three channels.

    Source: ICC.1:2001-04 (version 2 profiles); IEC 61966-2-1 for the curve.
    """
    tags = {
        b"desc": _description(b"sRGB IEC61966-2.1"),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": _xyz(_WHITE_D50),
        **{name: _xyz(value) for name, value in _PRIMARIES.items()},
        b"rTRC": _curve(),
    }
    offset = 128 + 4 + 12 * (len(tags) + 2)
    table, body = [], b""
    for name, data in tags.items():
        entry = struct.pack(">2L", offset + len(body), len(data))
        names = (b"rTRC", b"gTRC", b"bTRC") if name == b"rTRC" else (name,)
        table += [one + entry for one in names]
        body += data + b"\0" * (-len(data) % 4)
    size = offset + len(body)
    header = struct.pack(
        ">L4xL4s4s4s6H4s4s", size, 0x02100000, b"mntr", b"RGB ", b"XYZ ", 2026, 1, 1, 0, 0, 0, b"acsp", b""
    )
    header += struct.pack(">L4s4s8xL3L", 0, b"", b"", 0, *_WHITE_D50)
    return header.ljust(128, b"\0") + struct.pack(">L", len(table)) + b"".join(table) + body


def _xyz(value: tuple[int, int, int]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3L", *value)


def _description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">L", len(text) + 1) + text + b"\0" + b"\0" * 78


def _curve() -> bytes:
    """Return the tone curve of sRGB as 256 samples."""
    samples = []
    for step in range(256):
        signal = step / 255
        linear = signal / 12.92 if signal <= 0.04045 else ((signal + 0.055) / 1.055) ** 2.4
        samples.append(round(linear * 65535))
    return b"curv\0\0\0\0" + struct.pack(">L256H", len(samples), *samples)
