"""Small stand-ins for what `make run` starts; each leaves a trace of its beginning and its end.

`python -m tests.launcher.stand_in PART VAR`; the part `supervise` runs the supervisor over them.
"""

import asyncio
import http.server
import json
import os
import signal
import sys
import threading
from pathlib import Path

import asyncpg

from tools.run import Commands, Supervisor
from tools.run_settings import Settings

PARTS = ("migrate", "load_city", "serve", "worker", "channels", "play")
LOGINS = [
    {"role": "customer", "login": "13900000001", "password": None, "name": "张丽"},
    {"role": "admin", "login": "admin", "password": "red-cow", "name": "王强"},
    {"role": "deliverer", "login": "d001", "password": "blue-cow", "name": "李军"},
    {"role": "deliverer", "login": "d002", "password": "green-cow", "name": "赵伟"},
]


def commands(var: Path) -> Commands:
    """The parts, as the supervisor starts the real ones."""
    run = (sys.executable, "-m", "app.core.supervised", "tests.launcher.stand_in")
    return Commands(**{part: (*run, part, str(var)) for part in PARTS})


def trace(var: Path, text: str) -> None:
    """Append a line to the story of this run."""
    with (var / "trace.txt").open("a") as file:
        file.write(f"{text}\n")


def wants(word: str) -> bool:
    """Whether the test asked for this mishap."""
    return word in os.environ.get("MISHAP", "").split()


async def migrate() -> None:
    """Make a table in the real database."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("CREATE TABLE IF NOT EXISTS starts (part text)")
    await connection.close()


async def work() -> None:
    """Write that we started; leave when the database connection breaks."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    gone = asyncio.Event()
    connection.add_termination_listener(lambda _: gone.set())
    await connection.execute("INSERT INTO starts VALUES ('worker')")
    await gone.wait()
    raise SystemExit(1)


class Health(http.server.BaseHTTPRequestHandler):
    """Answers /healthz."""

    def do_GET(self) -> None:
        """200 for the one path that is asked for."""
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()


def serve() -> None:
    """A web process on HOST and PORT."""
    address = (os.environ["HOST"], int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Health).serve_forever()


def supervise(var: Path) -> int:
    """The supervisor over these stand-ins."""

    async def run() -> int:
        settings = Settings.from_environment(os.environ)
        return await Supervisor(settings, commands=commands(var), restart_seconds=0.1).run()

    return asyncio.run(run())


def play(part: str, var: Path) -> None:
    """Be one of the parts."""
    if wants(f"{part}-fails"):
        raise SystemExit(f"{part} broke on purpose")
    if wants(f"{part}-hangs"):
        threading.Event().wait()
    if part == "migrate":
        asyncio.run(migrate())
    elif part == "load_city":
        asyncio.run(migrate())
        (var / "demo").mkdir(exist_ok=True)
        (var / "demo" / "logins.json").write_text(json.dumps(LOGINS))
    elif part == "serve":
        serve()
    elif part == "worker":
        asyncio.run(work())
    elif part == "channels" or (part == "play" and not wants("play-is-short")):
        threading.Event().wait()


def main() -> int:
    """Be the part named on the command line."""
    part, var = sys.argv[1], Path(sys.argv[2])
    if part == "supervise":
        return supervise(var)

    def end(*_: object) -> None:
        if wants(f"{part}-deaf"):
            return
        trace(var, f"{part} ended")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    trace(var, f"{part} demo={os.environ['DEMO']} pid={os.getpid()}")
    play(part, var)
    return 0


if __name__ == "__main__":
    sys.exit(main())
