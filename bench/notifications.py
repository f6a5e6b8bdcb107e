"""Notifications of WeChat Pay beside a bare endpoint that checks, decrypts and commits two statements.

Each tells that the order of a household is paid, and is genuine: signed with the platform's key,
encrypted with the merchant's. Both sides run under the same server. The product keeps it with the
job that pays the order; how fast a worker does those is measured afterwards.
"""

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from app.billing.rules import channel_number
from app.core.clock import wall_now
from app.core.crypto import Cell, load_keys
from app.core.db import Database
from bench import bare_notices
from bench.database import run_script, tidy
from bench.figures import Figure, against_rate
from bench.load import Client
from bench.orders import NO_SMS
from bench.serving import server_process, worker_process
from bench.shop import open_shop
from bench.sides import ROUNDS, WARM_UP, Sides, compare_rates, key_file
from simulators.channels.credentials import ChannelCredentials, generate_credentials
from simulators.channels.wechat.signing import (
    SCHEME,
    answer_text,
    encrypt,
    load_private_key,
    new_nonce,
    sign,
)

RUSH = 50.0
"""Paid orders a second that one worker has to keep up with: a morning's sale to 100,000 in half an
hour."""
PATIENCE = 300.0
NOTIFICATIONS = 1_000
"""In one round, of each side."""
PRICE_FEN = 31_500
_WAITING = """
CREATE TEMP TABLE seed_waiting AS
    SELECT a.customer_id, a.address_id, uuidv7() AS order_id, uuidv7() AS payment_id,
           row_number() OVER () AS n
    FROM generate_series(1, CAST(:rounds AS int)), addresses a LIMIT :count;
INSERT INTO orders (customer_id, order_id, order_no, status, confirmation, source, address_id,
                    price_fen, agreement_version, agreed_at, placed_at, pay_before_at, version)
    SELECT customer_id, order_id, 'N' || n, 'pending_payment', 'online', 'web', address_id,
           :price, :agreement, :at, :at, :until, 1 FROM seed_waiting;
INSERT INTO payments (customer_id, payment_id, reference_id, channel, method, merchant_account,
                      out_trade_no, amount_fen, description, status, handle, expires_at, created_at,
                      asked_at, tries, next_try_at)
    SELECT customer_id, payment_id, order_id, 'wechat', 'native', :merchant, '', :price,
           '随心订', 'pending', '{}', :until, :at, :at, 1, :until FROM seed_waiting
"""
_NUMBER = """
WITH named AS (
    UPDATE payments SET out_trade_no = :number
    WHERE customer_id = :customer AND payment_id = :payment RETURNING customer_id, payment_id
)
INSERT INTO channel_numbers (channel, number, kind, customer_id, row_id)
    SELECT 'wechat', :number, 'payment', customer_id, payment_id FROM named
"""


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Hear `NOTIFICATIONS` x `scale` payments a round; the medians of the rates are compared."""
    count = int(NOTIFICATIONS * scale)
    with key_file() as keys:
        platform = Platform(generate_credentials())
        numbers = await _await_payments(
            database, keys, merchant=platform.made.merchant.mchid, count=count * ROUNDS + WARM_UP
        )
        letters = [platform.write(number) for number in numbers]

        async def ours(client: Client, number: int) -> None:
            await client.send_with(
                "POST", "/api/v1/channels/wechat/notifications", *letters[number]
            )

        async def bare(client: Client, number: int) -> None:
            await client.send_with("POST", "/bare/notifications", *letters[number])

        async with _both_sides(database, keys, platform) as sides:
            heard = await compare_rates(
                "notifications", sides, ours=ours, bare=bare, count=count, unit="notifications/s"
            )
            rate = await _work_off(database, sides, len(numbers))
    worked_off = against_rate(
        "notifications_worked_off", ours=rate, bare=RUSH, unit="notifications/s"
    )
    return [heard, worked_off]


@dataclass(frozen=True, slots=True)
class Platform:
    """WeChat Pay's side of the keys."""

    made: ChannelCredentials

    def environment(self, folder: Path) -> dict[str, str]:
        """The settings of the merchant's account, its keys in files."""
        merchant, public = self.made.merchant, self.made.public_keys[-1]
        (folder / "merchant.pem").write_text(merchant.private_key_pem)
        (folder / "platform.pem").write_text(self.made.public_key_pem)
        return {
            "WECHAT_MCHID": merchant.mchid,
            "WECHAT_APPID": merchant.appid,
            "WECHAT_SERIAL_NO": merchant.serial_no,
            "WECHAT_PRIVATE_KEY_PATH": str(folder / "merchant.pem"),
            "WECHAT_APIV3_KEY": merchant.apiv3_key,
            "WECHAT_PUBLIC_KEY_ID": public.serial,
            "WECHAT_PUBLIC_KEY_PATH": str(folder / "platform.pem"),
        }

    def write(self, number: str) -> tuple[dict[str, str], bytes]:
        """Headers and body that tell of a paid order."""
        merchant, key = self.made.merchant, self.made.public_keys[-1]
        paid = {
            "mchid": merchant.mchid,
            "appid": merchant.appid,
            "out_trade_no": number,
            "transaction_id": f"42{number[-26:]}",
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "success_time": "2026-03-15T10:00:00+08:00",
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": {"total": PRICE_FEN, "payer_total": PRICE_FEN, "currency": "CNY"},
        }
        sealed = {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "associated_data": "transaction",
            "nonce": (nonce := new_nonce(12)),
            "ciphertext": encrypt(
                apiv3_key=merchant.apiv3_key,
                nonce=nonce,
                associated_data="transaction",
                plain=json.dumps(paid, ensure_ascii=False).encode(),
            ),
        }
        body = json.dumps(
            {
                "id": str(uuid.uuid4()),
                "create_time": "2026-03-15T10:00:00+08:00",
                "event_type": "TRANSACTION.SUCCESS",
                "resource_type": "encrypt-resource",
                "summary": "支付成功",
                "resource": sealed,
            }
        ).encode()
        at, nonce = str(int(wall_now().timestamp())), new_nonce()
        signed = answer_text(timestamp=at, nonce=nonce, body=body)
        return {
            "Wechatpay-Timestamp": at,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": sign(load_private_key(key.private_key_pem), signed),
            "Wechatpay-Serial": key.serial,
            "Wechatpay-Signature-Type": SCHEME,
        }, body


async def _await_payments(
    database: Database, keys: Path, *, merchant: str, count: int
) -> list[str]:
    """Households with an order each time that waits for its payer; the payments' numbers."""
    now, ring = wall_now(), load_keys(keys)
    shop = await open_shop(database, now=now)
    facts = {
        "rounds": -(-count // len(shop.households)),
        "count": count,
        "price": PRICE_FEN,
        "agreement": "2026-01",
        "merchant": merchant,
        "at": now,
        "until": now + timedelta(hours=1),
    }
    async with database.connection() as connection:
        await run_script(connection, _WAITING, facts)
        await connection.execute(
            text("UPDATE customers SET phone_sealed = :sealed WHERE customer_id = :customer"),
            [
                {
                    "customer": one.customer_id,
                    "sealed": ring.seal(f"139{n:08}", Cell("customers", "phone", one.customer_id)),
                }
                for n, one in enumerate(shop.households)
            ],
        )
        found = await connection.execute(
            text("SELECT customer_id, payment_id FROM seed_waiting ORDER BY n")
        )
        rows = [
            {"customer": row[0], "payment": row[1], "number": channel_number("P", row[1])}
            for row in found
        ]
        await connection.execute(text(_NUMBER), rows)
        await connection.execute(text("DROP TABLE seed_waiting"))
    await tidy(database)
    return [row["number"] for row in rows]


@asynccontextmanager
async def _both_sides(database: Database, keys: Path, platform: Platform) -> AsyncIterator[Sides]:
    async with database.statement() as connection:
        for statement in bare_notices.TABLES:
            await connection.exec_driver_sql(statement)
    folder = keys.parent
    environment = os.environ | platform.environment(folder)
    environment |= {"DATABASE_URL": database.url, "KEYS_FILE": str(keys), "DEMO": "0"}
    async with (
        server_process("notified", environment, log=folder / "product.log") as product,
        server_process("notices", environment, log=folder / "bare.log") as bare_one,
    ):
        yield Sides(product, bare_one, environment, folder)


async def _work_off(database: Database, sides: Sides, count: int) -> float:
    """Let a worker do what was kept, for which every order is paid then; notifications/s."""
    log = sides.folder / "worker.log"
    # what is kept needs no account; this one is made up, with which a worker does not start
    without = {name: told for name, told in sides.environment.items() if "WECHAT" not in name}
    started: float | None = None
    async with worker_process(without | NO_SMS, log=log), asyncio.timeout(PATIENCE):
        while (paid := await _paid(database)) < count:
            if paid and started is None:
                started, first = time.monotonic(), paid
            await asyncio.sleep(0.1)
    if started is None:
        raise AssertionError("all at once: too few to be timed")
    return (count - first) / (time.monotonic() - started)


async def _paid(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("SELECT count(paid_at) FROM orders")) or 0)
