"""A small demo city that really runs: web, worker and channels as processes, twenty rounds."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from simulators.city.play.player import Cast, Player, Wishes
from simulators.city.play.script import write_round

PATIENCE_SECONDS = 60.0
LEAP = timedelta(minutes=30)
COUNTED = (
    "sync_events",
    "deliveries",
    "stops",
    "orders",
    "payments",
    "refunds",
    "receipts",
    "ledger_transfers",
    "tickets",
    "ticket_events",
    "compensations",
    "trips",
    "trip_legs",
    "handover_checks",
    "sms_messages",
    "customers",
)


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Town:
    """The processes of one demo, and looks into its database."""

    database_url: str
    var: Path
    port: int = field(default_factory=free_port)
    sim_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What every process of it gets."""
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "VAR_DIR": str(self.var),
            "PORT": str(self.port),
            "SIM_PORT": str(self.sim_port),
            "DEMO": "1",
        }

    def load(self) -> None:
        """One district, 200 households."""
        words = ("simulators", "city", "load", "--households", "200", "--districts", "1")
        subprocess.run([sys.executable, "-m", *words], env=self.environment, check=True)

    def start(self, name: str, *words: str) -> None:
        """Start one process; its output goes to a file of its own."""
        with (self.var / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *words], env=self.environment, stdout=log, stderr=log
            )

    def start_all(self) -> None:
        """Web, worker and channels, until web answers."""
        self.start_web()
        self.start("worker", "app", "worker")
        self.start("channels", "simulators", "channels")

    def start_web(self) -> None:
        """Web alone, until it answers."""
        self.start("web", "app", "serve")
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz").is_success:
                    return
            assert time.monotonic() < end, (self.var / "web.log").read_text()[-2000:]
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """End one process without a word."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    async def stop(self) -> None:
        """End all of them."""
        for client in self.clients:
            await client.aclose()
        for name in list(self.processes):
            self.kill(name)

    def client(self, port: int, path: str = "") -> httpx.AsyncClient:
        """A client that is closed at the end."""
        made = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}{path}", timeout=30)
        self.clients.append(made)
        return made

    def player(self, *, said: list[str], **wishes: Any) -> Player:
        """A player whose clock leaps by half hours."""
        return Player(
            product=self.client(self.port, "/api/v1"),
            channels=self.client(self.sim_port),
            cast=Cast.read(self.var / "demo" / "logins.json"),
            wishes=Wishes(speed=0, **wishes),
            settle_seconds=1.2,
            leap=LEAP,
            say=said.append,
        )

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """What stands in the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
            return found
        finally:
            await connection.close()

    async def counts(self) -> dict[str, int]:
        """How many rows stand in what a morning writes."""
        return {
            table: (await self.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in COUNTED
        }

    async def expect_script(self, player: Player, on: date, *, seed: int = 1) -> int:
        """Every stop of every round ended as the script says; answers how many stops there are."""
        stops = 0
        free_at: dict[str, datetime] = {}
        sheets = (await player.api.get("/routes", who="manager", date=on))["items"]
        for sheet in sheets:
            block, by = sheet["block_id"], sheet["deliverer_id"]
            full = await player.api.get(f"/routes/{block}/{on}", who="manager")
            items = [one | {"deliveries": as_due(one["deliveries"])} for one in full["items"]]
            start = free_at.get(by, datetime.fromisoformat(f"{on}T04:00:00+08:00"))
            taps = write_round(seed, on, block, items, not_before=start)
            free_at[by] = taps[-1].at + timedelta(minutes=10)
            for tap, shown in zip(taps, full["items"], strict=True):
                stops += 1
                for one in shown["deliveries"]:
                    wanted = one["quantity"]
                    if tap.outcome == "not_delivered":
                        wanted = 0
                    elif tap.short and tap.short[0] == one["line_id"]:
                        wanted = tap.short[2]
                    assert one["quantity_delivered"] == wanted, (tap, one)
                    done_at = datetime.fromisoformat(one["done_at"])
                    assert abs(done_at - tap.at) < timedelta(seconds=1), (tap, one)
        return stops


def as_due(deliveries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A stop's deliveries as they stood before the morning."""
    return [one | {"status": "planned"} for one in deliveries]


def deliverer_logins(var: Path) -> list[str]:
    """Who delivers here."""
    logins = json.loads((var / "demo" / "logins.json").read_text())
    return [one["login"] for one in logins if one["role"] == "deliverer"]
