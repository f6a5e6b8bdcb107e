"""Rows of cash on its way to the bank that break an invariant, each one only its own."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_models import BankDeposit, CashDay, HandIn
from app.billing.cash_states import CashDayState, HandInState
from app.billing.service import post
from app.core.ids import HOUSE, new_id
from tests.billing.breaking import Plant
from tests.factories.world import MORNING, TODAY, World

BOOKER = UUID(int=7)


def hand_in(world: World) -> HandIn:
    """Counted and booked, with no money behind it."""
    return HandIn(
        hand_in_id=new_id(),
        station_id=world.station_id,
        year=TODAY.year,
        receipt_no=1,
        deliverer_id=world.deliverers[0],
        held_fen=9_000,
        due_fen=9_000,
        counted_fen=9_000,
        state=HandInState.BOOKED,
        counted_by=BOOKER,
        counted_at=MORNING,
        booked_at=MORNING,
        booked_date=TODAY,
    )


async def deposit(session: AsyncSession, world: World, *, is_booked: bool) -> None:
    """A slip of the bank for cash the station never had."""
    made = BankDeposit(
        deposit_id=new_id(),
        station_id=world.station_id,
        slip_no="B-1",
        amount_fen=9_000,
        deposited_date=TODAY,
        booked_by=BOOKER,
        booked_at=MORNING,
        booked_date=TODAY,
    )
    session.add(made)
    if is_booked:
        await post(
            session,
            customer_id=HOUSE,
            debit="bank",
            credit=f"cash:station:{world.station_id}",
            amount_fen=9_000,
            cause="cash_banked",
            reference_id=world.station_id,
            source_id=made.deposit_id,
            now=MORNING,
        )


async def hand_in_without_money(session: AsyncSession, world: World) -> None:
    """Nothing left the deliverer's hand."""
    session.add(hand_in(world))


async def slip_without_money(session: AsyncSession, world: World) -> None:
    """Nothing left the station."""
    await deposit(session, world, is_booked=False)


async def more_banked_than_there(session: AsyncSession, world: World) -> None:
    """The station had nothing."""
    await deposit(session, world, is_booked=True)


async def closed_day_with_other_figures(session: AsyncSession, world: World) -> None:
    """It says that a hand-in came which the ledger does not know."""
    figures = {"opening_fen": 0, "taken_fen": 0, "difference_fen": 0, "deposited_fen": 0}
    session.add(
        CashDay(
            station_id=world.station_id,
            business_date=TODAY - timedelta(days=1),
            state=CashDayState.CLOSED,
            closed_by=BOOKER,
            closed_at=MORNING,
            handed_in_fen=100,
            closing_fen=100,
            **figures,
        )
    )


PLANTS: list[tuple[Plant, str]] = [
    (hand_in_without_money, "I4 every hand-in is booked as it was counted"),
    (slip_without_money, "I4 every bank deposit is booked once"),
    (more_banked_than_there, "I4 no station gives more cash than it has"),
    (closed_day_with_other_figures, "I4 a closed day of cash stands as the ledger has it"),
]
