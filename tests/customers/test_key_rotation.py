"""The data keys are rotated while the product works: no value is lost, none stays behind."""

import asyncio
import os
from typing import Any

import pytest
from sqlalchemy import text

from app.core.crypto import KeyRing, split_key_id
from app.core.db import Database
from app.core.ids import HOUSE
from app.core.reseal import ResealCount, reseal
from app.core.runtime import Runtime, set_runtime
from app.customers import service
from app.customers.models import RESEALABLE
from app.customers.service import NewCustomer
from app.notifications.models import RESEALABLE as SMS_RESEALABLE
from app.notifications.service import (
    InboundText,
    list_own_messages,
    list_replies,
    send_sms,
    take_replies,
)
from tests.factories.customers import address_text
from tests.factories.identity import until_someone_waits
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock, make_test_runtime

TABLES = (*RESEALABLE, *SMS_RESEALABLE)
OLD, NEW = os.urandom(32), os.urandom(32)
INDEX, TOKEN = os.urandom(32), os.urandom(32)
PEOPLE = 25


def _ring(current: str, **data: bytes) -> KeyRing:
    return KeyRing(data=data, current=current, index_key=INDEX, token_key=TOKEN)


def _use(runtime: Runtime, ring: KeyRing) -> None:
    set_runtime(
        Runtime(
            database=runtime.database,
            keys=ring,
            clock=runtime.clock,
            http=runtime.http,
            installation=runtime.installation,
        )
    )


async def _fill(database: Database) -> None:
    people = [NewCustomer(phone=f"137{n:08}", name=f"订户{n}") for n in range(PEOPLE)]
    people.append(NewCustomer(phone="13700009999"))
    async with database.transaction() as session:
        ids = await service.ensure_customers(session, people=people, now=MORNING)
        addresses = [
            (customer_id, address_text(door=f"{n}室", note=None if n % 2 else "放奶箱"))
            for n, customer_id in enumerate(ids)
        ]
        await service.add_addresses(session, addresses=addresses, now=MORNING)
        for n in range(5):
            await send_sms(
                session,
                customer_id=HOUSE,
                phone=f"1370000000{n}",
                template="ticket_received",
                parameters={"ticket": f"T{n}"},
                cause=f"ticket:{n}",
                now=MORNING,
            )
        texts = [InboundText("1", "13700000000", "谢谢")]
        await take_replies(session, provider="aliyun", texts=texts, now=MORNING)


async def _read(database: Database) -> list[Any]:
    """Everything in clear, through the services."""
    async with database.transaction() as session:
        ids = (
            await session.scalars(text("SELECT customer_id FROM customers ORDER BY customer_id"))
        ).all()
        found: list[Any] = [
            await list_own_messages(session, customer_id=HOUSE),
            await list_replies(session, before=None, limit=10),
        ]
        for customer_id in ids:
            found.append(await service.get_profile(session, customer_id=customer_id))
            found.append(await service.list_addresses(session, customer_id=customer_id))
    return found


async def _kids(database: Database) -> set[str]:
    kids = set()
    async with database.transaction() as session:
        for table in TABLES:
            for column in table.cells:
                name = table.model.__tablename__
                values = await session.scalars(text(f"SELECT {column} FROM {name}"))
                kids |= {split_key_id(value)[0] for value in values if value}
    return kids


@pytest.fixture
async def filled(database: Database, runtime: Runtime) -> Runtime:
    _use(runtime, _ring("old", old=OLD))
    await _fill(database)
    return runtime


async def test_after_a_rotation_the_old_key_is_not_needed_any_more(
    filled: Runtime, database: Database
) -> None:
    before = await _read(database)
    both = _ring("new", old=OLD, new=NEW)
    _use(filled, both)
    counts = await reseal(database, both, TABLES, batch=7)
    assert counts == {
        "customers": ResealCount(resealed=PEOPLE + 1),
        "address_versions": ResealCount(resealed=PEOPLE + 1),
        "sms_messages": ResealCount(resealed=5),
        "sms_replies": ResealCount(resealed=1),
    }
    assert await _kids(database) == {"new"}
    _use(filled, _ring("new", new=NEW))
    assert await _read(database) == before


async def test_a_second_run_finds_nothing_to_do(filled: Runtime, database: Database) -> None:
    both = _ring("new", old=OLD, new=NEW)
    await reseal(database, both, TABLES)
    assert set((await reseal(database, both, TABLES)).values()) == {ResealCount()}


async def test_a_run_that_was_stopped_goes_on(
    filled: Runtime, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await _read(database)
    both = _ring("new", old=OLD, new=NEW)
    seals = 0
    seal = KeyRing.seal

    def stop(self: KeyRing, plain: str, cell: Any) -> bytes:
        nonlocal seals
        seals += 1
        if seals == 40:
            raise KeyboardInterrupt
        return seal(self, plain, cell)

    with monkeypatch.context() as patch:
        patch.setattr(KeyRing, "seal", stop)
        with pytest.raises(KeyboardInterrupt):
            await reseal(database, both, TABLES, batch=4)
    assert await _kids(database) == {"old", "new"}
    _use(filled, both)
    assert await _read(database) == before
    counts = await reseal(database, both, TABLES, batch=4)
    assert 0 < counts["customers"].resealed < PEOPLE + 1
    assert await _kids(database) == {"new"}
    assert await _read(database) == before


async def test_a_value_nobody_can_open_is_counted_and_left_alone(
    filled: Runtime, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE customers SET name_sealed = phone_sealed WHERE customer_id ="
                " (SELECT customer_id FROM customers ORDER BY customer_id LIMIT 1)"
            )
        )
        await session.execute(
            text(
                "UPDATE customers SET phone_sealed = '' WHERE customer_id ="
                " (SELECT customer_id FROM customers ORDER BY customer_id DESC LIMIT 1)"
            )
        )
    both = _ring("new", old=OLD, new=NEW)
    counts = await reseal(database, both, RESEALABLE, batch=5)
    # the last customer has neither name nor phone left to seal
    assert counts["customers"] == ResealCount(resealed=PEOPLE, unreadable=1)
    assert await _kids(database) >= {"old", "new"}
    again = await reseal(database, both, RESEALABLE, batch=5)
    assert again["customers"] == ResealCount(resealed=0, unreadable=1)


async def test_rotating_overwrites_nothing_that_is_being_written(
    live_database: Database, clock: SetClock, tmp_path: Any
) -> None:
    runtime = make_test_runtime(live_database, clock, tmp_path)
    _use(runtime, _ring("old", old=OLD))
    await _fill(live_database)
    both = _ring("new", old=OLD, new=NEW)
    async with live_database.transaction() as session:
        ids = (await session.scalars(text("SELECT customer_id FROM customers"))).all()
    async with live_database.transaction() as session:
        # this writer has not heard of the new key yet
        await service.change_profile(session, customer_id=ids[3], changes={"name": "改名"})
        rotating = asyncio.create_task(reseal(live_database, both, TABLES, batch=10))
        await until_someone_waits(live_database)
    counts = await rotating
    assert counts["customers"] == ResealCount(resealed=PEOPLE + 1)
    _use(runtime, _ring("new", new=NEW))
    assert len(await _read(live_database)) == 2 + 2 * (PEOPLE + 1)
    async with live_database.transaction() as session:
        assert (await service.get_profile(session, customer_id=ids[3])).name == "改名"
