"""First byte of the manager's dashboard beside one bare read of the rows it is made of.

Both are asked over HTTP of server processes of their own, one request after the other. Before each
a phone reports a door, so that no page is that of an earlier one. `anew` is a page opened where
nobody has looked for a while: of the boards in memory nothing is used, and every block is read. The
bare side is one FastAPI + asyncpg endpoint that answers the same blocks' counts.
"""

import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.core.clock import wall_now
from app.core.crypto import new_key_file
from app.core.db import Database
from app.core.ids import new_id
from bench.browsing import Browser
from bench.figures import Figure, in_milliseconds
from bench.load import Client
from bench.morning import SeededMorning, seed_morning
from bench.phones import MANAGER, Round, Stop, batch_of, list_rounds, token_of
from bench.serving import HOST, server_process

HOUSEHOLDS = 20_000
PAGE = "/manager"
BARE = "bare"
READINGS, WARM_UP = 200, 20


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Open the dashboard of `HOUSEHOLDS` x `scale` in an empty, migrated database.

    Its target: a p95 of 150 ms, whatever the number of households.
    """
    households = int(HOUSEHOLDS * scale)
    morning = await seed_morning(database, households=households)
    with environment_of(database) as (environment, folder):
        async with (
            server_process("product", environment, log=folder / "product.log") as product,
            server_process("unkept", environment, log=folder / "unkept.log") as unkept,
            server_process("rows", environment, log=folder / "rows.log") as rows,
        ):
            rounds = await list_rounds(database, morning.today)
            times = await _compare(
                Phones(HOST, product.port, morning, rounds),
                {
                    "": (Browser(HOST, product.port, token_of(MANAGER)), PAGE),
                    "_anew": (Browser(HOST, unkept.port, token_of(MANAGER)), PAGE),
                    BARE: (Browser(HOST, rows.port, ""), f"/rows/{morning.today}"),
                },
            )
    return [
        in_milliseconds(
            f"dashboard_first_byte{how}_{name}_{households}_households",
            ours=_share(times[how], share),
            bare=_share(times[BARE], share),
        )
        for how in ("", "_anew")
        for name, share in (("p50", 50), ("p95", 95))
    ]


async def _compare(
    phones: "Phones", sides: Mapping[str, tuple[Browser, str]]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for number in range(WARM_UP + READINGS):
            await phones.report()
            for name, (browser, path) in sides.items():
                seconds = (await browser.get(path)).first_byte
                if number >= WARM_UP:
                    times[name].append(seconds)
    finally:
        await phones.client.close()
        for browser, _ in sides.values():
            await browser.close()
    return times


def _share(times: list[float], share: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[share - 1]


class Phones:
    """Deliverers who report one door at a time, each in turn."""

    def __init__(self, host: str, port: int, morning: SeededMorning, rounds: list[Round]) -> None:
        self.client = Client(host, port)
        self._day = morning.today
        self._doors = _in_turn(rounds)

    async def report(self) -> None:
        """One more door is made; raises AssertionError unless it counts."""
        token, stop = next(self._doors)
        body = json.dumps(batch_of([stop], self._day, sent_at=wall_now())).encode()
        answer = await self.client.send(
            "POST", "/api/v1/sync", token=token, key=str(new_id()), body=body
        )
        statuses = [one["status"] for one in json.loads(answer)["answers"]]
        if statuses != ["accepted"]:
            raise AssertionError(answer.decode())


def _in_turn(rounds: list[Round]) -> Iterator[tuple[str, Stop]]:
    for number in range(max(len(one.addresses) for one in rounds)):
        for one in rounds:
            if number < len(one.addresses):
                yield one.token, one.addresses[number]


@contextmanager
def environment_of(database: Database) -> Iterator[tuple[Mapping[str, str], Path]]:
    """What server processes over a database need, and a folder for their logs."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        keys = folder / "keys.json"
        keys.write_text(json.dumps(new_key_file()))
        yield (
            {
                **os.environ,
                "DATABASE_URL": database.url,
                "KEYS_FILE": str(keys),
                "DEMO": "0",
            },
            folder,
        )
