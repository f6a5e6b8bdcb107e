"""Rows that break an invariant of dealers' statements, each one only its own."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import post
from app.core.ids import HOUSE, new_id
from app.delivery.settlement_models import (
    DealerStatement,
    DealerStatementDay,
    DealerStatementLine,
)
from app.delivery.settlement_states import LineKind, StatementState
from app.identity.models import Role
from tests.billing.breaking import Plant
from tests.factories.dealers import add_dealer
from tests.factories.world import MORNING, TODAY, World


async def issued(
    session: AsyncSession, world: World, *, total_fen: int, lines_fen: int, number: int = 1
) -> DealerStatement:
    """A statement of a dealer of his own as it is once issued, before it is booked."""
    row = DealerStatement(
        statement_id=new_id(),
        dealer_id=await add_dealer(session, code=f"D{number}"),
        period=Range(TODAY - timedelta(days=9), TODAY, bounds="[)"),
        state=StatementState.ISSUED,
        year=TODAY.year,
        number=number,
        previous_no=number - 1 or None,
        total_fen=total_fen,
        created_by=world.staff[Role.FINANCE].account_id,
        created_at=MORNING,
        issued_by=world.staff[Role.FINANCE].account_id,
        issued_at=MORNING,
    )
    session.add(row)
    await session.flush()
    if lines_fen:
        session.add(
            DealerStatementLine(
                statement_id=row.statement_id,
                line_no=1,
                kind=LineKind.CASH,
                station_id=world.station_id,
                share_bp=0,
                fen_per_bottle=0,
                bottles=0,
                bottles_corrected=0,
                delivered_fen=0,
                corrected_fen=0,
                amount_fen=lines_fen,
            )
        )
        await session.flush()
    return row


async def book(session: AsyncSession, row: DealerStatement, fen: int, *, source: UUID) -> None:
    await post(
        session,
        customer_id=HOUSE,
        debit="dealer_settlement",
        credit=f"dealer:{row.dealer_id}",
        amount_fen=fen,
        cause="dealer_statement_issued",
        reference_id=row.dealer_id,
        source_id=source,
        now=MORNING,
    )


async def total_without_lines(session: AsyncSession, world: World) -> None:
    row = await issued(session, world, total_fen=700, lines_fen=699)
    await book(session, row, 700, source=row.statement_id)


async def issued_and_not_booked(session: AsyncSession, world: World) -> None:
    await issued(session, world, total_fen=700, lines_fen=700)


async def booked_without_statement(session: AsyncSession, world: World) -> None:
    row = await issued(session, world, total_fen=700, lines_fen=700)
    await book(session, row, 700, source=row.statement_id)
    await book(session, row, 1, source=new_id())


async def day_settled_twice(session: AsyncSession, world: World) -> None:
    day: date = TODAY - timedelta(days=1)
    for number in (1, 2):
        row = await issued(session, world, total_fen=0, lines_fen=0, number=number)
        session.add(
            DealerStatementDay(
                station_id=world.station_id,
                service_date=day,
                statement_id=row.statement_id,
                bottles=1,
            )
        )
        await session.flush()


BOOKED = "I13 a dealer's account holds what is issued and not settled"
PLANTS: list[tuple[Plant, str]] = [
    (total_without_lines, "I13 a dealer's issued statement is what its lines add up to"),
    (issued_and_not_booked, BOOKED),
    (booked_without_statement, BOOKED),
    (day_settled_twice, "I13 no day of a station is settled with two dealers"),
]
