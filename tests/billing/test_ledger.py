"""The ledger: one helper posts, nobody edits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer
from app.billing.service import pay_credit, post
from app.core.db import Database
from app.core.ids import new_id
from tests.factories.world import MORNING, World


async def test_a_credit_is_booked_once_on_the_operators_date(
    database: Database, world: World
) -> None:
    evening = datetime(2026, 3, 15, 17, 0, tzinfo=UTC)
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "reference_id": new_id(),
        "source_id": new_id(),
        "amount_fen": 350,
        "cause": "ticket_compensation",
    }
    async with database.transaction() as session:
        first = await pay_credit(session, **facts, now=evening)
        again = await pay_credit(session, **facts, now=evening + timedelta(days=3))
    assert first.transfer_id == again.transfer_id
    assert (first.debit_account, first.credit_account) == ("compensation", "balance")
    assert first.booked_date.isoformat() == "2026-03-16"
    with pytest.raises(ValueError, match="positive"):
        async with database.transaction() as session:
            await pay_credit(session, **facts | {"amount_fen": 0}, now=evening)


async def run_as(database: Database, role: str, statement: str) -> object:
    async with database.transaction() as session:
        await session.execute(text(f"SET LOCAL ROLE {role}"))
        result = await (await session.connection()).execute(text(statement))
        return result.scalar() if result.returns_rows else None


async def plain_owner(session: AsyncSession) -> str:
    """The role that owns the ledger; a made one where the tests' own is a superuser."""
    mine = (
        await session.execute(
            text("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
        )
    ).one()
    if not mine.rolsuper:
        return str(mine.rolname)
    role = f"owner_{new_id().hex}"
    await session.execute(text(f"CREATE ROLE {role}"))
    await session.execute(text(f"ALTER TABLE {LedgerTransfer.__tablename__} OWNER TO {role}"))
    return role


async def test_the_ledger_is_append_only(database: Database, world: World) -> None:
    async with database.transaction() as session:
        await post(
            session,
            customer_id=world.household.customer_id,
            debit="opening",
            credit="prepaid",
            amount_fen=1,
            cause="opening_balance",
            reference_id=new_id(),
            source_id=new_id(),
            now=MORNING,
        )
    async with database.transaction() as session:
        role = await plain_owner(session)
    for statement in (
        "UPDATE ledger_transfers SET amount_fen = 2",
        "DELETE FROM ledger_transfers",
        "TRUNCATE ledger_transfers",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            await run_as(database, role, statement)
    assert await run_as(database, role, "SELECT sum(amount_fen) FROM ledger_transfers") == 1


async def test_two_bookings_of_one_cause_are_refused_by_the_key(
    database: Database, world: World
) -> None:
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "debit": "channel:wechat:1",
        "credit": "prepaid",
        "amount_fen": 5,
        "cause": "payment_captured",
        "reference_id": new_id(),
        "source_id": new_id(),
        "now": MORNING,
    }
    async with database.transaction() as session:
        await post(session, **facts)
        session.expunge_all()
        with pytest.raises(IntegrityError) as refused:
            await post(session, **facts)
        await session.rollback()
    assert refused.value.orig is not None
    assert getattr(refused.value.orig, "sqlstate", None) == "23505"
