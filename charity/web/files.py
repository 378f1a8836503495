"""Files of people, handed out so that they cannot act as a page of ours."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response

_POLICY = "default-src 'none'; frame-ancestors 'none'"


def file_answer(body: bytes, name: str, kind: str, *, is_shown: bool = False) -> Response:
    """Return bytes that somebody sent in, as a download or, where it is safe, to look at.

    Args:
        body: the file.
        name: what it is saved as.
        kind: its media type, told by its bytes.
        is_shown: whether the browser opens it in its window.
    """
    disposition = "inline" if is_shown else "attachment"
    # Chromium shows no PDF in a sandbox; its viewer runs in one of its own.
    sandbox = "" if is_shown and kind == "application/pdf" else "; sandbox"
    return Response(
        body,
        content_type=kind,
        headers={
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
            # What a stranger sent in must not act as a page of ours, whatever it is.
            "Content-Security-Policy": _POLICY + sandbox,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
