"""Changes of running orders beside bare endpoints with the same statements and commits (`bench.same`).

A change is two requests of a customer's client: `POST /orders/{id}/changes/preview` and, with the
token it answers, `POST /orders/{id}/changes`. A third each skips a day, pauses for some days and
changes the quantity. The job that would send the SMS of the receipt is written and left alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from app.core.clock import local_date, wall_now
from app.core.crypto import Cell, load_keys
from app.core.db import Database
from app.core.ids import public_pair
from bench.database import run_script, tidy
from bench.figures import Figure
from bench.load import Client
from bench.shop import Shop, open_shop
from bench.sides import CLIENTS, Plan, both_sides, compare_rates, key_file, recording

CHANGES = 200
"""In one round, of each side."""
KINDS = ("skip", "pause", "change_quantity")
DAYS = 90
"""One bottle a day; the first ones have been brought."""
BEGUN = 5
LEAD = 3
APART = 3
"""Days between the changes of one order."""
RECORDED = 48
"""Orders kept for the bare side, which changes them as they were changed when it was recorded: three
times as many as clients, so that none waits for another's order."""
TOKEN = 600
"""Characters of a preview's token, about."""
_RUNNING = """
CREATE TEMP TABLE seed_running AS
    SELECT a.customer_id, a.address_id, a.current_version_id, uuidv7() AS order_id,
           uuidv7() AS line_id, row_number() OVER (ORDER BY a.customer_id) AS n
    FROM addresses a;
INSERT INTO address_blocks (customer_id, address_id, valid_from, valid, block_id, stop_no)
    SELECT r.customer_id, r.address_id, '2020-01-01', '[2020-01-01,)', b.id, r.n
    FROM seed_running r
    JOIN (SELECT id, row_number() OVER (ORDER BY code) - 1 AS n, count(*) OVER () AS all_of_them
          FROM blocks) b ON b.n = r.n % b.all_of_them;
INSERT INTO orders (customer_id, order_id, order_no, status, confirmation, source, address_id,
                    price_fen, placed_at, paid_at, confirmed_at, version)
    SELECT customer_id, order_id, 'R' || n, 'delivering', 'online', 'web', address_id, 31500, :at,
           :at, :at, 1 FROM seed_running;
INSERT INTO order_lines (customer_id, order_line_id, order_id, product_id, quantity, interval_days,
        start_date, anchor_date, bottles_bought, gift_bottles, paid_fen, unscheduled_bottles,
        vat_permille)
    SELECT r.customer_id, r.line_id, r.order_id, p.id, 1, 1, CAST(:first AS date),
           CAST(:first AS date), :bottles, 0, 31500, 0, 90
    FROM seed_running r
    JOIN (SELECT id, row_number() OVER (ORDER BY code) - 1 AS n, count(*) OVER () AS all_of_them
          FROM products) p ON p.n = r.n % p.all_of_them;
INSERT INTO order_terms (customer_id, order_line_id, first_date, valid, product_id, quantity,
        interval_days, anchor_date, address_id, address_version_id)
    SELECT l.customer_id, l.order_line_id, l.start_date,
           daterange(l.start_date, l.start_date + CAST(:bottles AS int)), l.product_id, 1, 1,
           l.start_date, r.address_id, r.current_version_id
    FROM order_lines l JOIN seed_running r ON r.line_id = l.order_line_id;
INSERT INTO entitlement_entries (customer_id, entry_id, order_line_id, kind, bottles, value_fen, at)
    SELECT customer_id, uuidv7(), order_line_id, 'bought', bottles_bought, paid_fen, :at
    FROM order_lines
"""


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Make `CHANGES` x `scale` changes a round in an empty, migrated database.

    Both sides take turns; the medians of their rates are compared: of previews alone, and of
    previews with their confirmations.
    """
    now = wall_now()
    shop = await open_shop(database, now=now)
    count = max(CLIENTS, int(CHANGES * scale))
    with key_file() as keys:
        orders = await _start_orders(database, keys)
        changing = Changing(shop, orders, today=local_date(now))
        plan = await changing.record(database, keys)
        async with both_sides(database, keys, plan, same=True) as sides:
            return [
                await compare_rates(
                    name, sides, ours=ours, bare=bare, count=count, unit="changes/s"
                )
                for name, ours, bare in (
                    ("change_preview", changing.preview, changing.preview_bare),
                    ("change_preview_and_confirmation", changing.change, changing.change_bare),
                )
            ]


async def _start_orders(database: Database, keys: Path) -> list[str]:
    """One running order for every household, in the order of their ids; their public ids."""
    ring = load_keys(keys)
    now = wall_now()
    facts = {
        "at": now - timedelta(days=30),
        "first": local_date(now) - timedelta(days=BEGUN),
        "bottles": DAYS,
    }
    async with database.connection() as connection:
        await run_script(connection, _RUNNING, facts)
        started = await connection.execute(
            text("SELECT customer_id, order_id FROM seed_running ORDER BY n")
        )
        rows: Sequence[tuple[UUID, UUID]] = [(row[0], row[1]) for row in started]
        await connection.execute(
            text("UPDATE customers SET phone_sealed = :sealed WHERE customer_id = :customer"),
            [
                {
                    "customer": one,
                    "sealed": ring.seal(f"139{n:08}", Cell("customers", "phone", one)),
                }
                for n, (one, _) in enumerate(rows)
            ],
        )
        await connection.execute(text("DROP TABLE seed_running"))
    await tidy(database)
    return [public_pair("ord", *row) for row in rows]


@dataclass(frozen=True, slots=True)
class Changing:
    """The requests of changes, on either side."""

    shop: Shop
    orders: list[str]
    today: date

    async def preview(self, client: Client, number: int) -> None:
        """Ask what the n-th change would do."""
        await self._preview(client, number)

    async def change(self, client: Client, number: int) -> None:
        """Ask, and have it done."""
        answer = json.loads(await self._preview(client, number))
        place = number % (len(self.orders) - RECORDED)
        await client.send(
            "POST",
            self._path(place),
            token=self.shop.household(place).token,
            key=f"change-{number}",
            body=json.dumps({"token": answer["token"]}).encode(),
        )

    async def preview_bare(self, client: Client, number: int) -> None:
        """The same body to the bare endpoint."""
        body = self._body(number % len(KINDS), visit=0)
        await self._send_bare(client, number, step=0, body=body)

    async def change_bare(self, client: Client, number: int) -> None:
        """The same bodies to the bare endpoints."""
        await self.preview_bare(client, number)
        body = json.dumps({"token": "x" * TOKEN}).encode()
        await self._send_bare(client, number, step=1, body=body)

    async def record(self, database: Database, keys: Path) -> Plan:
        """The transactions of a preview and a confirmation of each kept order."""
        async with recording(database, keys) as record:
            for place in range(RECORDED):
                order = len(self.orders) - RECORDED + place
                path, token = self._path(order), self.shop.household(order).token
                body = self._body(place % len(KINDS), visit=0)
                answer = await record.send(f"{path}/preview", body, token=token)
                confirmed = json.dumps({"token": json.loads(answer)["token"]}).encode()
                await record.send(path, confirmed, token=token)
            return record.plan

    async def _preview(self, client: Client, number: int) -> bytes:
        visit, place = divmod(number, len(self.orders) - RECORDED)
        return await client.send(
            "POST",
            f"{self._path(place)}/preview",
            token=self.shop.household(place).token,
            key=f"preview-{number}",
            body=self._body(number % len(KINDS), visit=visit),
        )

    async def _send_bare(self, client: Client, number: int, *, step: int, body: bytes) -> None:
        place = number % RECORDED
        await client.send(
            "POST",
            f"/bare/{2 * place + step}",
            token=self.shop.household(place).token,
            key=f"change-{number}",
            body=body,
        )

    def _path(self, place: int) -> str:
        return f"/api/v1/orders/{self.orders[place]}/changes"

    def _body(self, kind_number: int, *, visit: int) -> bytes:
        day = self.today + timedelta(days=LEAD + APART * visit)
        kind = KINDS[kind_number]
        body: dict[str, object] = {"kind": kind}
        if kind == "skip":
            body["date"] = day.isoformat()
        elif kind == "pause":
            body |= {
                "from_date": day.isoformat(),
                "until_date": (day + timedelta(days=1)).isoformat(),
            }
        else:
            body |= {"from_date": day.isoformat(), "quantity": 2 + visit % 2}
        return json.dumps(body).encode()
