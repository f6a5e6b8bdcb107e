"""Rows read by the driver are the rows that the session itself would read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import inspect, select, text

from app.core.base import Base
from app.core.bulk import as_row, own_row
from app.core.db import Database, fetch
from app.customers.models import AddressVersion
from app.orders.models import Order, OrderChange, OrderHistory, OrderLine, OrderTerm
from tests.factories import orders
from tests.factories.world import TODAY, World
from tests.orders.conftest import Deliver


def values_of(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.columns}


@pytest.fixture
async def running(client: httpx.AsyncClient, world: World, paid_order: Deliver) -> dict[str, Any]:
    """An order whose line waits for a resume: with ranges, JSON and texts of states."""
    order = await paid_order(bottles=6)
    from_date = TODAY + timedelta(days=3)
    await orders.change(client, order["id"], world.household, kind="pause", from_date=from_date)
    return order


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    "model", [Order, OrderLine, OrderTerm, OrderHistory, OrderChange, AddressVersion]
)
async def test_by_the_driver_as_by_the_session(database: Database, model: type[Base]) -> None:
    async with database.transaction() as session:
        records = await fetch(session, f"SELECT * FROM {model.__tablename__}")
        assert records
        read_only = [values_of(as_row(model, record)) for record in records]
        own = [own_row(session, model, record) for record in records]
        assert all(row in session and not session.is_modified(row) for row in own)
        mine = [values_of(row) for row in own]
        session.expunge_all()
        theirs = [values_of(row) for row in await session.scalars(select(model))]
    assert mine == read_only
    assert sorted(mine, key=repr) == sorted(theirs, key=repr)


async def test_what_the_session_has_already_is_brought_up_to_the_row(
    database: Database, running: dict[str, Any]
) -> None:
    async with database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        await session.execute(text("UPDATE orders SET version = version + 5"))
        stale = order.version
        [record] = await fetch(session, "SELECT * FROM orders")
        assert own_row(session, Order, record) is order
        assert order.version == stale + 5
        assert not session.is_modified(order)


async def test_what_is_changed_on_it_is_written(
    database: Database, running: dict[str, Any]
) -> None:
    async with database.transaction() as session:
        [record] = await fetch(session, "SELECT * FROM orders")
        order = own_row(session, Order, record)
        assert inspect(order).persistent
        order.version += 1
    async with database.transaction() as session:
        assert await session.scalar(select(Order.version)) == record["version"] + 1
