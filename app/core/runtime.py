"""What a running process holds besides its database: keys, clock, and clients of outside services."""

import gc
from dataclasses import dataclass

import httpx

from app.core.clock import BusinessClock
from app.core.config import InstallationSettings, KeySettings
from app.core.crypto import KeyRing, load_keys
from app.core.db import Database
from app.core.errors import SetupError


@dataclass(frozen=True)
class Runtime:
    """Shared by every request and job of one process."""

    database: Database
    keys: KeyRing
    clock: BusinessClock
    http: httpx.AsyncClient
    installation: InstallationSettings


_current: list[Runtime] = []


def set_runtime(runtime: Runtime) -> None:
    """Make this the process's runtime."""
    _current[:] = [runtime]


def runtime() -> Runtime:
    """The process's runtime; raises RuntimeError before it is set."""
    if not _current:
        raise RuntimeError("the runtime has not been set")
    return _current[0]


def keys() -> KeyRing:
    """The process's keys."""
    return runtime().keys


def leave_start_uncollected() -> None:
    """Let the garbage collector pass over what the start made: it stays as long as the process."""
    gc.collect()
    gc.freeze()


def load_key_ring(installation: InstallationSettings, settings: KeySettings) -> KeyRing:
    """Keys of the environment, or a demo's own; raises SetupError."""
    demo_file = installation.demo_dir / "keys.json"
    if settings.keys_file is None:
        if not installation.demo:
            raise SetupError(
                "KEYS_FILE is not set: make one with `python -m app keys new FILE` "
                "and keep it apart from the database's backups."
            )
        return load_keys(demo_file)
    if not installation.demo and settings.keys_file.resolve() == demo_file.resolve():
        raise SetupError("KEYS_FILE is the demo's generated key: make your own for production.")
    return load_keys(settings.keys_file)
