"""Spoilt notifications by the thousand, then the true one ten times: one effect."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import func, select

from app.billing.models import ChannelEvent, PaymentStatus
from app.core.db import Database
from simulators.channels.wechat.platform import SigningKey
from simulators.channels.wechat.signing import load_private_key
from tests.billing.forging import Letter, paid_view, write_letter
from tests.factories.billing import Heard, booked, read_payment, start_one
from tests.factories.world import World
from tests.fixtures.doses import dose
from tests.fixtures.payments import Payments

URL = "/channels/wechat/notifications"
SPOILT = dose(60, 10_000)
Spoil = Callable[[random.Random, Payments, dict[str, Any]], Letter]


def wrong_fact(chance: random.Random, payments: Payments, view: dict[str, Any]) -> Letter:
    """Signed by the platform, about something else."""
    facts: list[tuple[str, Any]] = [
        ("appid", f"wx{chance.randrange(10**16):016d}"),
        ("mchid", f"{chance.randrange(10**10):010d}"),
        ("out_trade_no", f"P{chance.randrange(10**20)}"),
        ("transaction_id", None),
        ("amount", {"total": chance.randrange(10_500), "currency": "CNY"}),
        ("amount", {"total": 10_500, "currency": chance.choice(["USD", "", None])}),
        ("amount", chance.choice([None, [], "10500", {"total": -1}, {"total": 1e400}])),
    ]
    name, value = chance.choice(facts)
    return write_letter(payments, view | {name: value})


def stale(chance: random.Random, payments: Payments, view: dict[str, Any]) -> Letter:
    """Minutes or days old, or from the future."""
    away = timedelta(minutes=chance.randrange(6, 5_000)) * chance.choice([-1, 1])
    return write_letter(payments, view, at=datetime.now(UTC) + away)


def another_hand(_: random.Random, payments: Payments, view: dict[str, Any]) -> Letter:
    """Signed by somebody else under the platform's number."""
    stranger = SigningKey(
        serial=payments.simulator.platform.for_notification().serial,
        key=load_private_key(payments.simulator.credentials.merchant.private_key_pem),
    )
    return write_letter(payments, view, key=stranger)


def flipped(chance: random.Random, payments: Payments, view: dict[str, Any]) -> Letter:
    """One byte of the body is another."""
    letter = write_letter(payments, view)
    place = chance.randrange(len(letter.body))
    body = bytearray(letter.body)
    body[place] ^= 1 << chance.randrange(8)
    return replace(letter, body=bytes(body))


def cut(chance: random.Random, payments: Payments, view: dict[str, Any]) -> Letter:
    """The body ends early."""
    letter = write_letter(payments, view)
    return replace(letter, body=letter.body[: chance.randrange(len(letter.body))])


def torn_head(chance: random.Random, payments: Payments, view: dict[str, Any]) -> Letter:
    """A header is missing, empty, or of another letter."""
    letter, other = write_letter(payments, view), write_letter(payments, view)
    name = chance.choice([name for name in letter.headers if name.endswith(("nce", "ure", "ial"))])
    value = chance.choice(["", "x", other.headers[name] if "Serial" not in name else "0" * 40])
    return replace(letter, headers=letter.headers | {name: value})


KINDS: tuple[Spoil, ...] = (wrong_fact, stale, another_hand, flipped, cut, torn_head)


async def test_spoilt_notifications_change_nothing_and_the_true_one_counts_once(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    view = paid_view(payments, payment.out_trade_no)
    chance = random.Random(20260315)
    for number in range(SPOILT):
        kind = KINDS[number % len(KINDS)]
        letter = kind(chance, payments, view)
        answer = await client.post(URL, content=letter.body, headers=letter.headers)
        assert 400 <= answer.status_code < 500, (number, kind.__name__, answer.text)
    untouched = await read_payment(database, payment)
    assert (untouched.status, untouched.captured_fen) == (PaymentStatus.PENDING, None)
    assert await booked(database, payment.customer_id) == []
    assert heard.captured == []

    late = paid_view(payments, payment.out_trade_no)
    for _ in range(10):
        letter = write_letter(payments, late)
        answer = await client.post(URL, content=letter.body, headers=letter.headers)
        assert answer.status_code == 204
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1
    async with database.transaction() as session:
        kept = await session.scalar(select(func.count()).select_from(ChannelEvent))
    assert kept == 10
