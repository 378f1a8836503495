"""Walk through the app as somebody: every link shown is followed, every page is looked at."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from tests.support.pages import Page, faults

#: Addresses of one shape (endpoint and names of the query) that are opened at most.
OF_A_SHAPE = 3


@dataclass
class Walk:
    """What a walk found.

    Attributes:
        visited: endpoints that answered, with the first address of each.
        pages: how many HTML pages were looked at.
        shown: endpoints that answered with an HTML page, with the first address of each.
        wrong: what was wrong, each with the address and the page that led there.
    """

    visited: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    shown: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


#: What every answer says to the browser; each value begins so.
HEADERS: dict[str, str | tuple[str, ...]] = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": ("same-origin", "no-referrer"),
    "Permissions-Policy": "accelerometer=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "",
    "Cache-Control": "",
}


def header_faults(headers: Mapping[str, str]) -> list[str]:
    """Return which headers an answer lacks, and what its content policy lets through."""
    wrong = [f"no {name}" for name, start in HEADERS.items() if not headers.get(name, "-").startswith(start)]
    policy = headers.get("Content-Security-Policy", "")
    loose = [
        word for word in ("unsafe-inline", "unsafe-eval", "http:", "https:", "*", "data:") if word in policy
    ]
    return wrong + [f"the content policy allows {word}" for word in loose]


def endpoint_of(app: Flask, path: str) -> str:
    """Return the endpoint of a path; empty for none."""
    try:
        return str(app.url_map.bind("localhost").match(path, method="GET")[0])
    except (RequestRedirect, HTTPException):
        return ""


def walk(app: Flask, client: FlaskClient, *starts: str) -> Walk:
    """Follow every link from the starts, breadth first, a few addresses of each shape."""
    found, seen, shapes = Walk(), set(starts), Counter[tuple[str, frozenset[str]]]()
    queue = deque((start, "the start") for start in starts)
    while queue:
        address, origin = queue.popleft()
        parts = urlsplit(address)
        endpoint = endpoint_of(app, parts.path)
        shape = (endpoint or parts.path, frozenset(name for name, _ in parse_qsl(parts.query)))
        shapes[shape] += 1
        if shapes[shape] > OF_A_SHAPE:
            continue
        for link in _look(found, client, address, origin, endpoint):
            target = urldefrag(urljoin(address, link)).url
            if target.startswith("/") and target not in seen:
                seen.add(target)
                queue.append((target, address))
    return found


def _look(found: Walk, client: FlaskClient, address: str, origin: str, endpoint: str) -> list[str]:
    """Open one address, note what is wrong with it, return where it leads."""
    response = client.get(address)
    found.wrong += [f"{address}: {fault}" for fault in header_faults(response.headers)]
    try:
        if response.status_code in (301, 302, 303, 308):
            found.visited.setdefault(endpoint, address)
            return [response.headers["Location"]]
        if response.status_code != 200:
            found.wrong.append(f"{address}: {response.status_code} (linked from {origin})")
            return []
        found.visited.setdefault(endpoint, address)
        if response.mimetype != "text/html":
            return []
        page = Page.of(response.get_data(as_text=True))
    finally:
        response.close()
    found.pages += 1
    found.shown.setdefault(endpoint, address)
    found.wrong += [f"{address}: {fault}" for fault in faults(page)]
    return [link for link in page.links if not link.startswith(("mailto:", "tel:"))]
