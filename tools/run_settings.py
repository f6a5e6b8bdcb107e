"""What `make run` reads from the environment, and the ports it needs."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.core.errors import SetupError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """PORT, SIM_PORT, VAR_DIR, DATABASE_URL, DEMO and PLAY, checked."""

    port: int
    sim_port: int
    var: Path
    database_url: str
    demo: bool
    play: bool
    """Whether the demo plays its morning."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables; raises SetupError.

        Without DATABASE_URL the database is the embedded one, and that is always a demo.
        """
        url = environment.get("DATABASE_URL", "").strip()
        demo = not url or _says(environment, "DEMO", {"1", "true", "yes", "on"})
        port, sim_port = _port(environment, "PORT", 8000), _port(environment, "SIM_PORT", 8001)
        if port == sim_port:
            raise SetupError(
                f"PORT and SIM_PORT are both {port}: give them different numbers. 端口重复。"
            )
        return cls(
            port=port,
            sim_port=sim_port,
            var=Path(environment.get("VAR_DIR") or "var").resolve(),
            database_url=url,
            demo=demo,
            play=demo and not _says(environment, "PLAY", {"0", "false", "no", "off"}),
        )

    def check_ports(self) -> None:
        """Raise SetupError when a port we need is taken."""
        _check_port("PORT", self.port)
        if self.demo:
            _check_port("SIM_PORT", self.sim_port)

    def log_directory(self) -> Path:
        """Where children write; made when missing. Raises SetupError."""
        logs = self.var / "log"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"{logs} cannot be written ({error}): give this user the right to write there, or "
                "set VAR_DIR to another directory. 日志目录不可写。"
            ) from error
        return logs


def _says(environment: Mapping[str, str], name: str, words: set[str]) -> bool:
    return environment.get(name, "").strip().lower() in words


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    given = environment.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise SetupError(f"{name}={given} is no port: give a number from 1 to 65535. 端口号无效。")
    return int(given)


def _check_port(name: str, port: int) -> None:
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            why = "is busy" if busy else f"cannot be used ({error.strerror})"
            raise SetupError(
                f"Port {port} {why}: stop the program that holds it, or choose another, for "
                f"instance `make run {name}={port + 1000 if port < 60000 else 8080}`. "
                f"端口 {port} 不可用。"
            ) from error
