#!/usr/bin/env python3
"""Set up and run this project with nothing but Python 3.11 or newer.

Each command makes or renews .venv from a lock file with hashes, then does its work.
Uses the standard library only; uv is used where it is installed, else venv and pip.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".locks-sha256"
RUN_LOCK, TEST_LOCK = ROOT / "requirements.lock", ROOT / "requirements-test.lock"

#: Debian package → a file it brings; what the whole suite needs beside Python.
DEBIAN_PACKAGES = {
    "chromium": "/usr/bin/chromium",
    "libatomic1": "/usr/lib/*/libatomic.so.1",
    "fonts-wqy-microhei": "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "poppler-utils": "/usr/bin/pdftotext",
    "postgresql": "/usr/lib/postgresql/*/bin/initdb",
    "nginx": "/usr/sbin/nginx",
}


def run(*command: object, is_quiet: bool = False) -> None:
    """Run a command in the project's folder; a quiet one speaks only when it fails.

    Raises:
        SystemExit: it failed; its own code, its own words above.
    """
    pipe = subprocess.PIPE if is_quiet else None
    done = subprocess.run([str(part) for part in command], cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    if done.returncode:
        print(done.stdout or "", done.stderr or "", file=sys.stderr)
        raise SystemExit(done.returncode)


def is_debian_root() -> bool:
    """Say whether packages of the system may be installed here without asking."""
    if os.name == "nt" or os.geteuid() != 0:
        return False
    release = Path("/etc/os-release")
    return release.exists() and "ID=debian" in release.read_text().splitlines()


def install_packages(names: list[str]) -> None:
    """Install Debian packages, as root, without questions."""
    print(f"Installing {', '.join(names)} with apt-get …", flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    apt = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq")
    run(*apt, "update", is_quiet=True)
    run(*apt, "install", "-y", "--no-install-recommends", *names, is_quiet=True)


def digest(lock: Path) -> str:
    """Return what an environment from this lock is known by: lock, Python and place."""
    return hashlib.sha256(lock.read_bytes() + f"{sys.version}{ROOT}".encode()).hexdigest()


def environment(lock: Path) -> Path:
    """Make .venv hold what a lock lists, unless it does already; return its Python.

    The test lock contains the run-time lock, so an environment for tests runs the demo.
    """
    stamped = STAMP.read_text().split() if STAMP.exists() and PYTHON.exists() else []
    if digest(lock) in stamped:
        return PYTHON
    print("Setting up .venv from", lock.name, "(about a minute the first time) …", flush=True)
    is_fresh = digest(RUN_LOCK) not in stamped
    STAMP.unlink(missing_ok=True)
    try:
        install_lock(lock, is_fresh=is_fresh)
    except SystemExit:
        sys.exit(f"The packages of {lock.name} could not be installed; the lines above say why. Try again.")
    packages = (
        VENV / "Lib/site-packages" if os.name == "nt" else next(VENV.glob("lib/python3*/site-packages"))
    )
    (packages / "_src.pth").write_text(f"{ROOT}\n")
    STAMP.write_text("\n".join(sorted({digest(RUN_LOCK), digest(lock)})))
    return PYTHON


def install_lock(lock: Path, *, is_fresh: bool) -> None:
    """Install what a lock lists, into an empty environment or on top of the present one."""
    if uv := shutil.which("uv"):
        if is_fresh:
            run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        run(uv, "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes", "-r", lock)
        return
    if is_fresh:
        make_venv()
    pip = (PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--require-hashes", "--no-deps", "-r", lock)


def make_venv() -> None:
    """Make an empty .venv with pip; Debian keeps what that needs in a package of its own."""
    if importlib.util.find_spec("ensurepip") is None and is_debian_root():
        install_packages(["python3-venv"])
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True
    )
    if made.returncode:
        sys.exit(
            f"{made.stdout}{made.stderr}\nThe environment .venv could not be made."
            " On Debian and Ubuntu: apt-get install -y python3-venv"
        )


def demo(options: argparse.Namespace, _rest: list[str]) -> None:
    """Start a demo federation: environment, embedded database, demo data, server."""
    port = usable_port(options.port)
    address = f"http://127.0.0.1:{port}"
    # The demo keeps to its own folder, whatever database this shell otherwise works on.
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        os.environ.pop(name, None)
    os.environ |= {"CHARITY_ENV": "demo", "CHARITY_DATA": str(options.data.resolve()), "PUBLIC_URL": address}
    python = environment(RUN_LOCK)
    run(python, "-m", "charity.demo", "--data", options.data.resolve(), *["--fresh"] * options.fresh)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor stops it as Ctrl-C does
    server = subprocess.Popen([str(part) for part in server_command(python, port)], cwd=ROOT)
    try:
        wait_for(port, server)
        print(
            f"\n  Public pages   {address}/\n  Office         {address}/office/\n\n  Stop with Ctrl-C.",
            flush=True,
        )
        sys.exit(server.wait())
    except KeyboardInterrupt:
        server.terminate()
        server.wait()


def server_command(python: Path, port: int) -> list[object]:
    """Return the command of granian, or of Werkzeug's server where granian has no wheel."""
    if next(VENV.glob("**/site-packages/granian"), None):
        how = ("--interface", "wsgi", "--blocking-threads", 8, "--log-level", "error")
        return [python, "-m", "granian", *how, "--host", "127.0.0.1", "--port", port, "wsgi:app"]
    return [python, "-m", "flask", "--app", "wsgi", "run", "--port", port]


def usable_port(port: int) -> int:
    """Return the port, or a free one for 0.

    Raises:
        SystemExit: somebody else is using it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is in use. Choose another one: python3 dev.py demo --port {port + 1}")
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Return once the server answers.

    Raises:
        SystemExit: it stopped instead.
    """
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(server.returncode or 1)


def test(options: argparse.Namespace, rest: list[str]) -> None:
    """Run the whole suite; further arguments go to pytest."""
    wanted = [name for name, file in DEBIAN_PACKAGES.items() if not glob.glob(file)]
    if wanted and is_debian_root() and not options.fast:
        install_packages(wanted)
    python = environment(TEST_LOCK)
    workers = [] if {"-n", "-x", "--pdb"} & set(rest) else ["-n", "2", "--dist", "loadgroup"]
    run(python, "-m", "pytest", *workers, *["--fast"] * options.fast, *rest)


def lint(_options: argparse.Namespace, _rest: list[str]) -> None:
    """Check style, types and layers without running a test."""
    python = environment(TEST_LOCK)
    run(python, "-m", "ruff", "check")
    run(python, "-m", "mypy")
    run(python, "-m", "pytest", "-q", "tests/contracts/test_architecture.py", "tests/contracts/test_tidy.py")


def golden(_options: argparse.Namespace, rest: list[str]) -> None:
    """Write the golden files anew; read the difference before you commit it."""
    run(environment(TEST_LOCK), "-m", "pytest", "-q", "--update-golden", *rest)
    run("git", "diff", "--stat", "--", "tests/golden")


def bench(_options: argparse.Namespace, rest: list[str]) -> None:
    """Measure the work of benchmarks/ and print one table; name some to run only those."""
    run(environment(TEST_LOCK), "-m", "benchmarks", *rest)


def corpus(options: argparse.Namespace, _rest: list[str]) -> None:
    """Read every file of a folder as an office would get it; print what was understood."""
    run(environment(RUN_LOCK), "-m", "charity.intake", options.folder.resolve())


def messages(_options: argparse.Namespace, rest: list[str]) -> None:
    """Bring the catalogues of translations up to date with the code and compile them."""
    run(environment(RUN_LOCK), "-m", "charity.translations", *rest)


def lock(_options: argparse.Namespace, rest: list[str]) -> None:
    """Write both lock files from pyproject.toml; --upgrade takes newer versions."""
    uv = shutil.which("uv") or sys.exit("Lock files are written with uv; install it first: pip install uv")
    common = (
        uv,
        "pip",
        "compile",
        "pyproject.toml",
        "--universal",
        "--generate-hashes",
        "--no-header",
        "--quiet",
    )
    run(*common, *rest, "--output-file", RUN_LOCK.name)
    run(*common, *rest, "--extra", "test", "--constraint", RUN_LOCK.name, "--output-file", TEST_LOCK.name)


def parser() -> argparse.ArgumentParser:
    """Return the commands and their options."""
    top = argparse.ArgumentParser(prog="dev.py", description=__doc__, allow_abbrev=False)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    made = {}
    for act in (demo, test, lint, golden, bench, corpus, messages, lock):
        line = (act.__doc__ or "").partition("\n")[0]
        made[act] = commands.add_parser(act.__name__, help=line, description=line, allow_abbrev=False)
        made[act].set_defaults(act=act)
    made[demo].add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    made[demo].add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=ROOT / "var" / "demo",
        help="its folder (default: var/demo)",
    )
    made[demo].add_argument("--fresh", action="store_true", help="throw the data away and begin anew")
    made[test].add_argument(
        "--fast", action="store_true", help="unit and service tests on SQLite, under a minute"
    )
    made[corpus].add_argument("folder", type=Path, metavar="DIR")
    return top


def main() -> None:
    """Run one command."""
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or newer is needed; this is {}.{}.".format(*sys.version_info[:2]))
    options, rest = parser().parse_known_args()
    if rest and options.act in (demo, lint, corpus):
        sys.exit(f"Unknown: {' '.join(rest)}. See: python3 dev.py {options.act.__name__} --help")
    options.act(options, rest)


if __name__ == "__main__":
    main()
