"""Rows of lines, changes and bills that break an invariant, each one only its own."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.bill_models import Bill
from app.billing.models import PaymentChannel
from app.billing.repository.bills import make_days
from app.catalog.models import DepositKind
from app.core.ids import new_id
from app.delivery.models import DeliveryStatus
from app.orders.models import Deposit, EntitlementEntry, LineGift, Order, OrderChange
from app.orders.states import ChangeStatus, DepositState
from tests.billing.breaking import LONG_AGO, Plant, delivery, line_of_one, order
from tests.factories.world import MORNING, TODAY, World


async def more_bottles_than_bought(session: AsyncSession, world: World) -> None:
    """One is to come that nobody paid."""
    await delivery(session, world, status=DeliveryStatus.PLANNED)


async def bill_without_its_lines(session: AsyncSession, world: World) -> None:
    """A bill says that a line agrees, and has none."""
    await make_days(
        session,
        channel=PaymentChannel.WECHAT,
        merchant="9900000001",
        first=TODAY - timedelta(days=1),
        last=TODAY - timedelta(days=1),
        now=MORNING,
    )
    await session.execute(update(Bill).values(line_count=1, matched_count=1))


async def fees_not_booked(session: AsyncSession, world: World) -> None:
    """A bill says what the channel kept, and the ledger does not."""
    await bill_without_its_lines(session, world)
    await session.execute(update(Bill).values(line_count=0, matched_count=0, fee_fen=63))


async def stuck_change(session: AsyncSession, world: World) -> None:
    """Its time to be paid is long over."""
    made = await order(session, world)
    session.add(
        OrderChange(
            customer_id=made.customer_id,
            change_id=new_id(),
            order_id=made.order_id,
            kind="swap",
            status=ChangeStatus.AWAITING_PAYMENT,
            effective_date=TODAY,
            request={},
            preview={},
            pay_fen=100,
            pay_before_at=LONG_AGO,
            actor="customer",
            at=LONG_AGO,
        )
    )


async def more_given_up_than_had(session: AsyncSession, world: World) -> None:
    """A bottle goes back that never came."""
    line = await line_of_one(session, world)
    session.add(
        EntitlementEntry(
            customer_id=line.customer_id,
            entry_id=new_id(),
            order_line_id=line.order_line_id,
            kind="refunded",
            bottles=1,
            value_fen=350,
            at=MORNING,
        )
    )


async def gift_that_is_in_no_plan(session: AsyncSession, world: World) -> None:
    """It is said to have come, and no delivery brought it."""
    line = await line_of_one(session, world)
    session.add(
        LineGift(
            customer_id=line.customer_id,
            gift_id=new_id(),
            order_line_id=line.order_line_id,
            bottles=1,
            promised_date=TODAY,
            due_date=TODAY,
            brought_date=TODAY,
        )
    )


async def deposit_not_booked(session: AsyncSession, world: World) -> None:
    """A deposit is held that the ledger does not know."""
    made = await order(session, world, deposit_fen=300)
    session.add(deposit(made, DepositState.HELD))


async def deposit_asked_for_nothing(session: AsyncSession, world: World) -> None:
    """An order asks for a deposit that is written nowhere."""
    await order(session, world, deposit_fen=300)


def deposit(made: Order, state: DepositState) -> Deposit:
    return Deposit(
        customer_id=made.customer_id,
        deposit_id=new_id(),
        order_id=made.order_id,
        address_id=made.address_id,
        kind=DepositKind.BOX,
        amount_fen=300,
        state=state,
        moved_at=MORNING,
    )


PLANTS: list[tuple[Plant, str]] = [
    (more_bottles_than_bought, "I5 no line brings more bottles than it has"),
    (gift_that_is_in_no_plan, "I5 a gift with a date comes once, as it was given"),
    (more_given_up_than_had, "I5 no line gives up more than it had"),
    (deposit_not_booked, "I2 the deposit account holds the deposits of boxes and bottles"),
    (deposit_asked_for_nothing, "I2 an order asks for the deposits that stand beside its price"),
    (
        bill_without_its_lines,
        "I11 every line of a bill agrees with our books, or stands in the work list",
    ),
    (fees_not_booked, "I11 a channel's fees are booked as its bills say"),
    (stuck_change, "I9 no change is stuck"),
]
