"""The real nginx with the configuration of deploy/nginx, on free ports of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import source

CONFIG = source.ROOT / "deploy" / "nginx" / "charity.conf"
HOST = "charity.example.org"


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx.

    Attributes:
        port: of TLS.
        plain_port: without TLS, where it only leads on.
        folder: with certificate, logs and cache.
    """

    port: int
    plain_port: int
    folder: Path

    def log(self) -> str:
        """Return the access log."""
        return (self.folder / "access.log").read_text()


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> ssl.SSLContext:
    """Write a self-made certificate, and return what trusts it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


def configured(folder: Path, upstream: str, port: int, plain_port: int, extra: str = "") -> str:
    """Return deploy/nginx/charity.conf with the ports and folders of a test in place of a server's.

    Args:
        folder: for everything that is written.
        upstream: address of the app.
        port: of TLS.
        plain_port: without TLS.
        extra: lines inside the server with TLS.
    """
    text = CONFIG.read_text(encoding="utf-8")
    changes = {
        "/var/cache/nginx/charity": f"{folder}/cache",
        "server 127.0.0.1:8000;": f"server {urlsplit(upstream).netloc};",
        " listen 80 ": f" listen 127.0.0.1:{plain_port} ",
        " listen 80;": f" listen 127.0.0.1:{plain_port};",
        " listen 443 ": f" listen 127.0.0.1:{port} ",
        "/etc/charity/tls": str(folder),
        "/var/log/nginx/charity.log": f"{folder}/access.log",
        "/var/log/nginx/charity.error.log": f"{folder}/error.log",
        "    server_tokens off;": f"    server_tokens off;\n{extra}",
    }
    for old, new in changes.items():
        assert old in text, f"{CONFIG.name} no longer says {old}"
        text = text.replace(old, new)
    return re.sub(r"(?m)^\s*listen \[::\].*\n", "", text)


@contextlib.contextmanager
def serve(program: str, folder: Path, upstream: str, extra: str = "") -> Iterator[Nginx]:
    """Run nginx in front of an app; it ends with the block."""
    made = Nginx(free_port(), free_port(), folder)
    (folder / "charity.conf").write_text(configured(folder, upstream, made.port, made.plain_port, extra))
    user = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"  {name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user}worker_processes 1;\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log warn;\n"
        "events { worker_connections 256; }\n"
        f"http {{\n  sendfile on;\n  tcp_nopush on;\n  include /etc/nginx/mime.types;\n{temporary}"
        f"  include {folder}/charity.conf;\n}}\n"
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait(process, made)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], made: Nginx) -> None:
    """Return once nginx answers."""
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", made.port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError((made.folder / "error.log").read_text())
