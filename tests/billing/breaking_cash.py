"""Rows of cash on its way to the bank that break an invariant, each one only its own."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_models import BankDeposit, CashDay, CashFloat, HandIn, Remittance
from app.billing.cash_states import CashDayState, FloatMove, HandInState, RemittanceState
from app.billing.service import post
from app.billing.service.cash.booking import book_float, book_hand_in
from app.core.alerts import raise_alert
from app.core.ids import HOUSE, new_id
from tests.billing.breaking import Plant
from tests.factories.billing import take_cash
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
        float_fen=0,
        due_fen=9_000,
        counted_fen=9_000,
        state=HandInState.BOOKED,
        counted_by=BOOKER,
        counted_at=MORNING,
        booked_at=MORNING,
        booked_date=TODAY,
    )


async def collect(session: AsyncSession, world: World) -> None:
    """90 yuan taken at a door, shown because no order wants them."""
    paid = await take_cash(session, world.household, collector_id=world.deliverers[0])
    await raise_alert(session, "unmatched_payment", str(paid.payment_id))


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
    figures |= {"floats_fen": 0, "remitted_fen": 0}
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


async def float_without_money(session: AsyncSession, world: World) -> None:
    """The deliverer got nothing."""
    session.add(
        CashFloat(
            float_id=new_id(),
            station_id=world.station_id,
            deliverer_id=world.deliverers[0],
            move=FloatMove.GIVEN,
            amount_fen=5_000,
            booked_by=BOOKER,
            booked_at=MORNING,
            booked_date=TODAY,
        )
    )


async def remittance_without_money(session: AsyncSession, world: World) -> None:
    """Nothing left the station for the office."""
    session.add(
        Remittance(
            remittance_id=new_id(),
            station_id=world.station_id,
            year=TODAY.year,
            number=1,
            amount_fen=5_000,
            state=RemittanceState.SENT,
            sent_by=BOOKER,
            sent_at=MORNING,
            booked_date=TODAY,
        )
    )


async def closed_day_that_forgets_a_float(session: AsyncSession, world: World) -> None:
    """It says that change money went out, which the ledger does not know."""
    figures = {"opening_fen": 0, "taken_fen": 0, "difference_fen": 0, "deposited_fen": 0}
    figures |= {"handed_in_fen": 0, "floats_fen": 100, "remitted_fen": -100}
    session.add(
        CashDay(
            station_id=world.station_id,
            business_date=TODAY - timedelta(days=1),
            state=CashDayState.CLOSED,
            closed_by=BOOKER,
            closed_at=MORNING,
            closing_fen=0,
            **figures,
        )
    )


async def float_below_zero(session: AsyncSession, world: World) -> None:
    """More float came back than was ever given, out of cash of customers."""
    await collect(session, world)
    back = CashFloat(
        float_id=new_id(),
        station_id=world.station_id,
        deliverer_id=world.deliverers[0],
        move=FloatMove.RETURNED,
        amount_fen=100,
        booked_by=BOOKER,
        booked_at=MORNING,
        booked_date=TODAY,
    )
    session.add(back)
    await book_float(session, back, now=MORNING)


async def float_that_was_handed_in(session: AsyncSession, world: World) -> None:
    """What he holds no longer covers his float: it went into a hand-in as if it were collected."""
    await collect(session, world)
    first = hand_in(world)
    given = CashFloat(
        float_id=new_id(),
        station_id=world.station_id,
        deliverer_id=world.deliverers[0],
        move=FloatMove.GIVEN,
        amount_fen=5_000,
        booked_by=BOOKER,
        booked_at=MORNING,
        booked_date=TODAY,
    )
    more = hand_in(world)
    more.receipt_no, more.previous_no = 2, 1
    more.held_fen = more.due_fen = more.counted_fen = 5_000
    session.add_all([first, given])
    await session.flush()
    session.add(more)
    await book_hand_in(session, first, now=MORNING)
    await book_float(session, given, now=MORNING)
    await book_hand_in(session, more, now=MORNING)


PLANTS: list[tuple[Plant, str]] = [
    (hand_in_without_money, "I4 every hand-in is booked as it was counted"),
    (slip_without_money, "I4 every bank deposit is booked once"),
    (float_without_money, "I4 floats given less taken back are a part of what a deliverer holds"),
    (float_below_zero, "I4 floats given less taken back are a part of what a deliverer holds"),
    (
        float_that_was_handed_in,
        "I4 floats given less taken back are a part of what a deliverer holds",
    ),
    (remittance_without_money, "I4 every remittance is booked once"),
    (closed_day_that_forgets_a_float, "I4 a closed day of cash stands as the ledger has it"),
    (more_banked_than_there, "I4 no station gives more cash than it has"),
    (closed_day_with_other_figures, "I4 a closed day of cash stands as the ledger has it"),
]
