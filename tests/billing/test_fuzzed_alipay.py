"""Spoilt messages of Alipay by the thousand, then the true one ten times: one effect."""

import random
from collections.abc import Callable
from urllib.parse import urlencode

import httpx
from sqlalchemy import func, select

from app.billing.models import ChannelEvent, PaymentStatus
from app.core.db import Database
from tests.billing.alipay_trading import start_alipay
from tests.factories.billing import Heard, booked, read_payment
from tests.factories.world import World
from tests.fixtures.doses import dose
from tests.fixtures.payments import Payments

URL = "/channels/alipay/notifications"
SPOILT = dose(60, 10_000)
Form = dict[str, str]
Spoil = Callable[[random.Random, Payments, Form], str]


def signed(payments: Payments, form: Form, *, forged: bool = False) -> Form:
    """With Alipay's signature, or a stranger's."""
    return payments.simulator.alipay.notifier.signed(form, forged=forged)


def wrong_fact(chance: random.Random, payments: Payments, form: Form) -> str:
    """Signed by Alipay, about something else."""
    name, value = chance.choice(
        [
            ("app_id", f"2021{chance.randrange(10**12):012d}"),
            ("seller_id", f"2088{chance.randrange(10**12):012d}"),
            ("out_trade_no", f"P{chance.randrange(10**20)}"),
            ("total_amount", f"{chance.randrange(10_500) / 100:.2f}"),
            ("total_amount", chance.choice(["", "-105.00", "105.005", "1e2", "１０５.00", "NaN"])),
            ("trade_no", ""),
            ("trade_status", chance.choice(["", "PAID", "trade_success"])),
        ]
    )
    return urlencode(signed(payments, form | {name: value}))


def another_hand(_: random.Random, payments: Payments, form: Form) -> str:
    """Signed by somebody else."""
    return urlencode(signed(payments, form, forged=True))


def changed_after(chance: random.Random, payments: Payments, form: Form) -> str:
    """A field is another than when it was signed, or new, or gone."""
    letter = signed(payments, form)
    name = chance.choice([name for name in form if form[name]])
    match chance.randrange(3):
        case 0:
            return urlencode(letter | {name: f"{letter[name]}1"})
        case 1:
            return urlencode(letter | {f"x{chance.randrange(100)}": "1"})
        case _:
            return urlencode({key: value for key, value in letter.items() if key != name})


def cut(chance: random.Random, payments: Payments, form: Form) -> str:
    """The body ends early."""
    body = urlencode(signed(payments, form))
    return body[: chance.randrange(len(body) - 4)]


def twice(chance: random.Random, payments: Payments, form: Form) -> str:
    """A field comes a second time, with another value."""
    name = chance.choice(["out_trade_no", "total_amount", "seller_id", "sign"])
    return f"{urlencode(signed(payments, form))}&{name}={chance.randrange(10**6)}"


def weaker(chance: random.Random, payments: Payments, form: Form) -> str:
    """Another kind of signature, or none."""
    letter = signed(payments, form)
    kind = chance.choice([{"sign_type": "RSA"}, {"sign_type": ""}, {"sign": ""}, {"sign": "AAAA"}])
    return urlencode(letter | kind)


KINDS: tuple[Spoil, ...] = (wrong_fact, another_hand, changed_after, cut, twice, weaker)


async def test_spoilt_messages_change_nothing_and_the_true_one_counts_once(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient, heard: Heard
) -> None:
    payment = await start_alipay(database, world.household)
    app = payments.simulator.credentials.alipay
    form = {
        "notify_id": "2026031500222100000",
        "notify_type": "trade_status_sync",
        "charset": "utf-8",
        "app_id": app.app_id,
        "seller_id": app.seller_id,
        "out_trade_no": payment.out_trade_no,
        "trade_no": "2026031522001400001",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "105.00",
        "subject": "鲜牛奶",
    }
    chance = random.Random(20260315)
    for number in range(SPOILT):
        kind = KINDS[number % len(KINDS)]
        answer = await client.post(URL, content=kind(chance, payments, form))
        assert 400 <= answer.status_code < 500, (number, kind.__name__, answer.text)
    untouched = await read_payment(database, payment)
    assert (untouched.status, untouched.captured_fen) == (PaymentStatus.PENDING, None)
    assert (await booked(database, payment.customer_id), heard.captured) == ([], [])

    for number in range(10):
        letter = signed(payments, form | {"notify_id": f"{number % 3}"})
        answer = await client.post(URL, content=urlencode(letter))
        assert (answer.status_code, answer.text) == (200, "success")
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(ChannelEvent)) == 3
