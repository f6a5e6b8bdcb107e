"""Set up `.venv` with the locked dependencies: `python3 tools/bootstrap.py [--dev]`.

Runs under the system's Python with nothing but the standard library. A second call finds the
stamp of the lock file and returns at once. The development lock holds everything of the other
one, so going back and forth between `make run` and `make test` installs nothing anew.
"""

import fcntl
import hashlib
import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST = 0x030B0000
UV = "0.13.9"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "locked.stamp"
_PIN = re.compile(r"^([a-z0-9._-]+==\S+)", re.MULTILINE)


class BootstrapError(Exception):
    """One sentence with the mend."""


def say(text: str) -> None:
    """One line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED_AT:5.1f}s] {text}", flush=True)


def check_python() -> None:
    """Raise BootstrapError unless this Python is 3.11 or newer and can make environments."""
    if sys.hexversion < OLDEST:
        raise BootstrapError(
            f"Python {sys.version.split()[0]} is too old: install Python 3.11 or newer and name it, "
            "for instance `make run PYTHON=python3.12`. 需要 Python 3.11 或更新版本。"
        )
    if not all(importlib.util.find_spec(part) for part in ("venv", "ensurepip")):
        raise BootstrapError(
            "This Python cannot make virtual environments: `sudo apt install python3-venv` and "
            "start again. 请先安装 python3-venv。"
        )


def locks(*, dev: bool) -> "list[Path]":
    """The lock files an environment is made of: the product and what builds its pages, or all."""
    names = ("requirements-dev.lock",) if dev else ("requirements.lock", "requirements-build.lock")
    return [ROOT / name for name in names]


def wanted_stamp(*, dev: bool) -> str:
    """Content of the stamp once `.venv` holds what the locks say."""
    found = locks(dev=dev)
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in found)).hexdigest()
    return f"{' '.join(lock.name for lock in found)} {digest} uv {UV}\n"


def _pins(*, dev: bool) -> "set[str]":
    return {pin for lock in locks(dev=dev) for pin in _PIN.findall(lock.read_text())}


def is_ready(*, dev: bool) -> bool:
    """Whether `.venv` works and already holds what is wanted, or more."""
    if not STAMP.exists() or not _works():
        return False
    found = STAMP.read_text()
    if found == wanted_stamp(dev=True):
        return dev or _pins(dev=False) <= _pins(dev=True)
    return not dev and found == wanted_stamp(dev=False)


def install(*, dev: bool) -> None:
    """Make `.venv` hold what the locks say; raises BootstrapError."""
    wanted = locks(dev=dev)
    if not _works():
        say(f"创建虚拟环境 creating {VENV.name} (Python {sys.version.split()[0]})")
        shutil.rmtree(VENV, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(VENV)])
    STAMP.unlink(missing_ok=True)
    uv = VENV / "bin" / "uv"
    if not uv.exists() or UV not in _output([str(uv), "--version"]):
        say(f"安装 installing uv {UV}")
        _run([str(PYTHON), "-m", "pip", "install", "--quiet", f"uv=={UV}"])
    names = " and ".join(lock.name for lock in wanted)
    say(f"安装锁定的依赖 installing {names} (the first time downloads about 220 MB)")
    # uv leaves itself and pip in place: both count as seeds of an environment made by venv.
    _run(
        [str(uv), "pip", "sync", "--compile-bytecode", "--python", str(PYTHON), *map(str, wanted)],
        _index_settings(),
    )
    STAMP.write_text(wanted_stamp(dev=dev))
    say("依赖就绪 dependencies are ready")


def _works() -> bool:
    try:
        return bool(_output([str(PYTHON), "-c", "import pip; print('yes')"]))
    except OSError:
        return False


def _index_settings() -> "dict[str, str]":
    """Hand pip's own configuration to uv, which does not read it, so that a mirror set there counts."""
    found = {}
    for line in _output([str(PYTHON), "-m", "pip", "config", "list"]).splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = " ".join(shlex.split(value))
    pairs = (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("SSL_CERT_FILE", "cert"),
        ("UV_HTTP_TIMEOUT", "default-timeout"),
    )
    return {ours: found[theirs] for ours, theirs in pairs if found.get(theirs)}


def _output(command: "list[str]") -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def _run(command: "list[str]", more: "dict[str, str] | None" = None) -> None:
    environment = {**(more or {}), **os.environ}
    if subprocess.run(command, env=environment, check=False, cwd=ROOT).returncode:
        raise BootstrapError(
            f"`{' '.join(command[:4])} ...` failed, see above: check the network and the package "
            "index (pip config), then start again. 依赖安装失败。"
        )


def main() -> int:
    """Exit code 0 when `.venv` is as wanted; otherwise one sentence and 1."""
    dev = "--dev" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and sys.hexversion >= OLDEST:
            stream.reconfigure(errors="replace")
    try:
        check_python()
        if is_ready(dev=dev):
            return 0
        door = os.open(ROOT, os.O_RDONLY)  # closed, and so unlocked, when this process ends
        fcntl.flock(door, fcntl.LOCK_EX)
        if not is_ready(dev=dev):
            install(dev=dev)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"{VENV} cannot be set up ({error}): give this user the right to write there.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


_STARTED_AT = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
