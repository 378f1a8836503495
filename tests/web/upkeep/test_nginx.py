"""The real nginx with the configuration of deploy/: what it keeps, when it asks again, what it passes on."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from charity.config import Settings
from charity.db import unit_of_work
from charity.places.models import Org
from charity.web.cache import ORG_TOPIC, bump
from tests.books import Ledger
from tests.builders import client_as
from tests.support import needs, nginx, screen
from tests.support.nginx import HOST, Nginx

TLS = f"https://{HOST}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings behind one proxy that ends TLS."""
    return replace(settings, public_url=TLS, trusted_proxies=1, log_form="text")


@dataclass
class Site:
    """The site as the public reaches it.

    Attributes:
        proxy: the running nginx.
        trust: trusts its certificate.
        asked: what the app was asked: path, whether with an ETag, status answered.
    """

    proxy: Nginx
    trust: ssl.SSLContext
    asked: list[tuple[str, bool, int]] = field(default_factory=list)
    sent: int = 0

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Ask for a path; return status, headers and body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.sent += 1
        with (
            socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10) as plain,
            self.trust.wrap_socket(plain, server_hostname=HOST) as secure,
        ):
            connection = http.client.HTTPConnection(HOST)
            connection.sock = secure
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read().decode()

    def until(self, is_so: Callable[[], bool], path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Ask again and again until the app has been asked as wanted; return the last answer."""
        while True:
            answer = self.get(path, **headers)
            if is_so():
                return answer

    def log(self) -> str:
        """Return the access log once it holds every request; a line is written after its answer."""
        while (text := self.proxy.log()).count("\n") < self.sent:
            pass
        return text

    def cache_states(self) -> list[str]:
        """Return what nginx says its cache did, request by request."""
        return re.findall(r'"cache":"([A-Z]*)"', self.log())


@pytest.fixture
def site(app: Flask, books: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app behind nginx, counting what reaches the app."""
    program = needs.needed("nginx", "nginx")
    folder = tmp_path_factory.mktemp("nginx")
    trust = nginx.certificate(folder)
    asked: list[tuple[str, bool, int]] = []
    inner = app.wsgi_app

    def counting(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            asked.append((environ["PATH_INFO"], "HTTP_IF_NONE_MATCH" in environ, int(status[:3])))
            return start_response(status, headers, exc_info)

        return inner(environ, start)

    app.wsgi_app = counting  # type: ignore[method-assign]
    with screen.serve(app) as address, nginx.serve(program, folder, address) as proxy:
        yield Site(proxy, trust, asked)


def rename(books: Ledger, name: str) -> None:
    """Change what every public page shows, as the app does: the topic is bumped in the same transaction."""
    with unit_of_work(books.session) as work:
        work.execute(update(Org).values(name=name))
        bump(work, books.org_id, ORG_TOPIC)


def test_a_public_page_is_kept_and_asked_for_again_with_its_etag(site: Site) -> None:
    """First from the app, then from nginx; after a second the app says 304 and nginx goes on."""
    first = site.get("/disclosure/funds")
    assert (first[0], site.asked) == (200, [("/disclosure/funds", False, 200)])
    second = site.get("/disclosure/funds")
    assert second[2] == first[2]
    assert site.cache_states() == ["MISS", "HIT"]
    third = site.until(lambda: len(site.asked) > 1, "/disclosure/funds")
    assert site.asked[1:] == [("/disclosure/funds", True, 304)]
    assert (third[0], third[2]) == (200, first[2])
    assert site.cache_states()[-1] == "REVALIDATED"


def test_a_change_shows_in_the_next_answer_after_the_second(site: Site, books: Ledger) -> None:
    assert "海岱市慈善总会" in site.get("/disclosure/funds")[2]
    rename(books, "新名字慈善总会")
    seen = len(site.asked)
    answer = site.until(lambda: len(site.asked) > seen, "/disclosure/funds")
    assert site.asked[-1] == ("/disclosure/funds", True, 200)
    assert "新名字慈善总会" in answer[2]
    assert "海岱市慈善总会" not in answer[2]


def test_each_language_has_a_page_of_its_own(site: Site) -> None:
    chinese = site.get("/disclosure/funds", Accept_Language="zh-CN")[2]
    english = site.get("/disclosure/funds", Accept_Language="en")[2]
    chosen = site.get("/disclosure/funds", Accept_Language="zh-CN", Cookie="language=en")[2]
    assert 'lang="zh' in chinese
    assert 'lang="en"' in english
    assert 'lang="en"' in chosen
    assert site.cache_states() == ["MISS", "MISS", "MISS"]


@pytest.mark.parametrize(
    "cookie",
    [
        "LANGUAGE=; language=en",
        "Language=zh_Hans; language=en",
        "language=zh_Hans; language=en",
        "language=; language=en",
        "language=fr; language=en",
        'language="en"',
        'language="e\\156"',
        "xlanguage=zh_Hans; language=en",
        "language=en; language=zh_Hans",
        " language = en",
        "language=en ,language=zh_Hans",
    ],
)
def test_no_cookie_puts_a_page_in_another_language_before_others(site: Site, cookie: str) -> None:
    """However a cookie is written, whoever has none, or has chosen Chinese, is shown Chinese."""
    for own in ({}, {"Cookie": "language=zh_Hans"}):
        site.get("/disclosure/funds", Accept_Language="zh-CN", Cookie=cookie)
        shown = site.get("/disclosure/funds", Accept_Language="zh-CN", **own)[2]
        assert '<html lang="zh-Hans"' in shown


def test_the_language_a_client_claims_to_have_been_read_is_not_passed_on(site: Site) -> None:
    site.get("/disclosure/funds", Accept_Language="zh-CN", X_Charity_Language="en")
    assert '<html lang="zh-Hans"' in site.get("/disclosure/funds", Accept_Language="zh-CN")[2]


def test_two_headers_of_languages_are_one_for_key_and_page(site: Site) -> None:
    """What the page is made from is what it is kept under."""
    request = b"GET /disclosure/funds HTTP/1.1\r\nHost: %b\r\n%bConnection: close\r\n\r\n"
    for first in (b"zh-CN", b"xx"):
        headers = b"Accept-Language: %b\r\nAccept-Language: en\r\n" % first
        raw(site, request % (HOST.encode(), headers))
        site.sent += 1
    for accepted, shown in (("zh-CN", "zh-Hans"), ("xx", "zh-Hans"), ("en", "en")):
        assert f'<html lang="{shown}"' in site.get("/disclosure/funds", Accept_Language=accepted)[2]


def test_a_reader_who_has_the_page_gets_nothing_again(site: Site) -> None:
    mark = site.get("/disclosure/funds")[1]["etag"]
    status, _, body = site.get("/disclosure/funds", If_None_Match=mark)
    assert (status, body) == (304, "")


def test_office_pages_are_never_kept(site: Site, app: Flask, books: Ledger) -> None:
    """A signed-in page reaches the app each time, and nobody else is shown it."""
    client = client_as(app, "accountant")
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    sent = {"Cookie": f"{cookie.key}={cookie.value}"}
    bodies = [site.get("/office/", **sent)[2] for _ in range(2)]
    assert all("会计" in body for body in bodies)
    assert [path for path, _, _ in site.asked].count("/office/") == 2
    assert site.get("/office/")[0] == 302
    # Not even under an address that nginx does not know to be the office's.
    for _ in range(2):
        assert site.get("/sign-in")[0] == 200
    assert [path for path, _, _ in site.asked].count("/sign-in") == 2
    assert set(site.cache_states()) <= {"", "MISS"}


def test_headers_of_the_app_pass_and_the_client_is_known(site: Site, app: Flask) -> None:
    _, headers, _ = site.get("/disclosure/funds", X_Forwarded_For="203.0.113.9")
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "public, no-cache"
    assert "x-accel-expires" not in headers
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])
    assert headers["server"] == "nginx"


def test_files_with_their_hash_are_kept_for_good(site: Site) -> None:
    page = site.get("/disclosure/funds")[2]
    address = re.search(r'"(/static/css/base\.css\?v=\w+)"', page)
    assert address
    for _ in range(2):
        assert "immutable" in site.get(address[1])[1]["cache-control"]
    assert [path for path, _, _ in site.asked].count("/static/css/base.css") == 1


def test_a_file_asked_for_under_the_hash_of_the_next_release_is_not_pinned(
    site: Site, app: Flask, tmp_path: Path
) -> None:
    """The hash of a coming release can be read in its source: asked for early, the old file must not stay."""
    app.static_folder = str(tmp_path)
    (tmp_path / "site.js").write_text("old")
    address = f"/static/site.js?v={hashlib.sha256(b'new').hexdigest()[:12]}"
    assert [site.get(address)[2] for _ in range(2)] == ["old", "old"]
    (tmp_path / "site.js").write_text("new")
    status, headers, body = site.get(address)
    assert (status, body) == (200, "new")
    assert "immutable" in headers["cache-control"]
    assert "HIT" not in site.cache_states()


def test_metrics_stay_on_the_machine_and_plain_requests_are_led_to_tls(site: Site) -> None:
    assert site.get("/metrics")[0] == 404
    assert site.asked == []
    connection = http.client.HTTPConnection("127.0.0.1", site.proxy.plain_port, timeout=10)
    connection.request("GET", "/disclosure/funds?month=2026-03", headers={"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (301, f"{TLS}/disclosure/funds?month=2026-03")
    connection.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "charity.example.org.evil.example", "_"])
def test_another_name_gets_no_answer(site: Site, host: str) -> None:
    """Neither page nor redirect, on either port; nothing reaches the app, and nothing is kept under it."""
    with pytest.raises(http.client.RemoteDisconnected):
        site.get("/disclosure/funds", Host=host)
    connection = http.client.HTTPConnection("127.0.0.1", site.proxy.plain_port, timeout=10)
    with pytest.raises(http.client.RemoteDisconnected):
        connection.request("GET", "/", headers={"Host": host})
        connection.getresponse()
    connection.close()
    assert site.asked == []


def test_no_certificate_is_shown_to_who_asks_for_another_name(site: Site) -> None:
    for name in ("evil.example", None):
        with (
            socket.create_connection(("127.0.0.1", site.proxy.port), timeout=10) as plain,
            pytest.raises(ssl.SSLError),
        ):
            ssl._create_unverified_context().wrap_socket(plain, server_hostname=name)


def test_the_log_of_nginx_names_nobody(site: Site) -> None:
    site.get("/verify/ABCDE12345?phone=13900001111&name=%E5%BC%A0")
    log = site.log()
    assert '"area":"/verify"' in log
    for canary in ("ABCDE12345", "13900001111", "%E5%BC%A0", "127.0.0.1"):
        assert canary not in log


def test_the_log_of_errors_names_nobody_either(
    app: Flask, books: Ledger, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An upload that does not fit into memory, and an app that is away: each tells of a whole address."""
    program, folder = needs.needed("nginx", "nginx"), tmp_path_factory.mktemp("nginx")
    trust = nginx.certificate(folder)
    with nginx.serve(program, folder, f"http://127.0.0.1:{nginx.free_port()}") as proxy:
        site = Site(proxy, trust)
        assert site.get("/password/choose/unspent-token")[0] == 502
        assert site.get("/verify/ABCDE12345?phone=13900001111")[0] == 502
        head = b"POST /office/people/zhang.san/change HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n"
        body = b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000
        assert raw(site, head % HOST.encode() + body).startswith(b"HTTP/1.1 502 ")
    told = (folder / "error.log").read_text()
    for canary in ("unspent-token", "ABCDE12345", "13900001111", "zhang.san", "client: "):
        assert canary not in told


def shake_hands(site: Site, **limits: Any) -> tuple[str | None, str]:
    """Open TLS as a client with these limits; return version and cipher agreed on.

    Args:
        limits: attributes of its context, and ``ciphers``.
    """
    client = ssl.create_default_context(cafile=str(site.proxy.folder / "fullchain.pem"))
    client.set_ciphers(limits.pop("ciphers", "ALL:@SECLEVEL=0"))
    for name, value in limits.items():
        setattr(client, name, value)
    with (
        socket.create_connection(("127.0.0.1", site.proxy.port), timeout=10) as plain,
        client.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        cipher = secure.cipher()
        assert cipher is not None
        return secure.version(), cipher[0]


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions_of_tls_that_are_sound_are_spoken(site: Site, version: str) -> None:
    only = ssl.TLSVersion[version]
    agreed = shake_hands(site, minimum_version=only, maximum_version=only)
    assert agreed[0] == version.replace("_", ".")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_an_old_version_of_tls_is_refused(site: Site, version: str) -> None:
    only = ssl.TLSVersion[version]
    with pytest.raises(ssl.SSLError):
        shake_hands(site, minimum_version=only, maximum_version=only)


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE+AES+SHA1", "DHE+AESGCM", "3DES", "aNULL"])
def test_a_cipher_without_forward_secrecy_or_authentication_is_refused(site: Site, ciphers: str) -> None:
    """No key exchange that a stolen key opens later, no mode without its own check, none without a name."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(f"{ciphers}:@SECLEVEL=0")
    except ssl.SSLError:
        return  # the library of this machine does not even know it any more
    with pytest.raises(ssl.SSLError):
        shake_hands(site, ciphers=f"{ciphers}:@SECLEVEL=0", maximum_version=ssl.TLSVersion.TLSv1_2)


def raw(site: Site, request: bytes) -> bytes:
    """Send bytes as they are; return everything that comes back."""
    with (
        socket.create_connection(("127.0.0.1", site.proxy.port), timeout=10) as plain,
        site.trust.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        secure.sendall(request)
        answer = b""
        while chunk := secure.recv(65_536):
            answer += chunk
        return answer


_HIDDEN = b"GET /office/hidden HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"
_POST = b"POST /lookup HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n%b\r\nConnection: close\r\n\r\n%b"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Transfer-Encoding : chunked",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_reaches_nobody(site: Site, headers: bytes) -> None:
    """Length and chunks at once, two lengths, a coding half known: refused before the app is asked."""
    answer = raw(site, _POST % (headers, b"0\r\n\r\n" + _HIDDEN))
    assert re.match(rb"HTTP/1\.1 (400|501) ", answer), answer[:80]
    assert answer.count(b"HTTP/1.1 ") == 1
    assert site.asked == []


def test_a_second_request_inside_a_body_stays_a_body(site: Site) -> None:
    answer = raw(site, _POST % (b"Content-Length: %d" % len(_HIDDEN), _HIDDEN))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert [path for path, *_ in site.asked] == ["/lookup"]
