"""Deposits (押金): asked with an order, held while a door is served, given back at the end.

A deposit stays with its door: who has a box pays for none again, and it is due back when nothing
runs there any more. Amounts in fen.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import (
    DEPOSIT,
    DEPOSIT_KEPT,
    PREPAID,
    pay_out_cash,
    post,
    request_refund,
)
from app.catalog.deposits import DepositNeed, list_needs
from app.catalog.models import DepositKind
from app.core.ids import new_id
from app.core.states import MoveNotAllowed
from app.orders.boxes import leave_box
from app.orders.models import Deposit, Order
from app.orders.repository import deposits as rows
from app.orders.repository import installations
from app.orders.repository.deposits import AtDoors
from app.orders.states import DepositState, InstallationState

HELD_BEFORE = "已有奶箱或空瓶押金，退回多付的一份"
ON_MARKETPLACE = "平台订单不收押金"
MOVED_HERE = "随订单搬到新地址"
NEVER_BROUGHT = "尚未开始配送，随订单退回"


@dataclass(frozen=True, slots=True)
class Handling:
    """Who does something about a deposit or a milk box, at whose doors, and when.

    `deliverer_id` names the deliverer in whose hand the cash is; None: the office's.
    """

    doors: AtDoors
    account_id: UUID
    actor: str
    now: datetime
    deliverer_id: UUID | None = None


def most_at_once(lines: Iterable[tuple[UUID, Sequence[tuple[date, int]]]]) -> dict[UUID, int]:
    """The most bottles of each product that stand at a door at once: those of one delivery of
    every line, given by its product and deliveries.
    """
    most: Counter[UUID] = Counter()
    for product_id, deliveries in lines:
        most[product_id] += max(count for _, count in deliveries)
    return dict(most)


async def read_needs(
    session: AsyncSession,
    *,
    door: tuple[UUID, UUID] | None,
    bottles: dict[UUID, int],
    box: bool,
    on: date,
) -> list[DepositNeed]:
    """What an order must pay beside its price, in fen; `door` is `(customer_id, address_id)`.

    Not what the household has at that door already, nor for a box that hangs there.
    """
    needs = await list_needs(session, bottles=bottles, box=box, on=on)
    if not needs or door is None:
        return needs
    there = await rows.list_with_household(session, *door)
    has = {(one.kind, one.product_id) for one in there}
    standing = await installations.find_standing(session, *door)
    if standing is not None and standing.state is InstallationState.DONE:
        has.add((DepositKind.BOX, None))
    return [need for need in needs if (need.kind, need.product_id) not in has]


async def ask(
    session: AsyncSession,
    order: Order,
    needs: Sequence[DepositNeed],
    *,
    now: datetime,
    on_marketplace: bool = False,
) -> list[Deposit]:
    """Write down what a new order asks beside its price, or would have but `on_marketplace`."""
    asked = [
        Deposit(
            customer_id=order.customer_id,
            deposit_id=new_id(),
            order_id=order.order_id,
            address_id=order.address_id,
            kind=need.kind,
            product_id=need.product_id,
            amount_fen=need.amount_fen,
            state=DepositState.NOT_ASKED if on_marketplace else DepositState.ASKED,
            reason=ON_MARKETPLACE if on_marketplace else None,
            moved_at=now,
        )
        for need in needs
    ]
    session.add_all(asked)
    await session.flush()
    return asked


async def take(session: AsyncSession, order: Order, *, now: datetime) -> None:
    """The payment of a locked order is there: its deposits are held from now on.

    What the door had a deposit for meanwhile is paid back at once; what was due back there is held
    again.
    """
    at_door = await rows.lock_at_doors(session, order.customer_id, order.address_id)
    has = set()
    for deposit in at_door:
        if deposit.state is DepositState.DUE_BACK:
            await rows.move_deposit(
                session, deposit, DepositState.HELD, at=now, actor="system", reason="新订单"
            )
        if deposit.state is DepositState.HELD:
            has.add((deposit.kind, deposit.product_id))
    for deposit in at_door:
        if deposit.order_id != order.order_id or deposit.state is not DepositState.ASKED:
            continue
        await post(
            session,
            customer_id=deposit.customer_id,
            debit=PREPAID,
            credit=DEPOSIT,
            amount_fen=deposit.amount_fen,
            cause="deposit_taken",
            reference_id=order.order_id,
            source_id=deposit.deposit_id,
            now=now,
        )
        if (deposit.kind, deposit.product_id) in has:
            await rows.move_deposit(
                session,
                deposit,
                DepositState.RETURNED,
                at=now,
                actor="system",
                reason=HELD_BEFORE,
            )
            await _pay_back(session, deposit, requested_by=None, now=now)
        else:
            await rows.move_deposit(session, deposit, DepositState.HELD, at=now, actor="system")


async def let_go(session: AsyncSession, order: Order, *, actor: str, now: datetime) -> None:
    """A locked order has ended, its status says so: its deposits are due back.

    Not while another order runs at the door. What was never brought goes back at once, and its box
    need not be hung up any more.
    """
    waited = order.installation_id is not None and await leave_box(
        session,
        customer_id=order.customer_id,
        address_id=order.address_id,
        actor=actor,
        now=now,
        besides=order.order_id,
    )
    door = (order.customer_id, await rows.find_door(session, order))
    at_door = await rows.lock_at_doors(session, *door)
    if not at_door:
        return
    stays = await rows.runs_at_door(session, *door, besides=order.order_id)
    never_brought = await rows.list_never_brought(session, *door)
    for deposit in at_door:
        is_own = deposit.order_id == order.order_id
        if deposit.state is DepositState.ASKED and is_own:
            await rows.move_deposit(session, deposit, DepositState.DROPPED, at=now, actor=actor)
        elif deposit.state is not DepositState.HELD or stays:
            continue
        elif deposit.deposit_id in never_brought or (is_own and waited):
            await rows.move_deposit(
                session, deposit, DepositState.RETURNED, at=now, actor=actor, reason=NEVER_BROUGHT
            )
            await _pay_back(session, deposit, requested_by=None, now=now)
        else:
            await rows.move_deposit(session, deposit, DepositState.DUE_BACK, at=now, actor=actor)


async def bring_along(
    session: AsyncSession,
    order: Order,
    *,
    from_id: UUID,
    to_id: UUID,
    actor: str,
    now: datetime,
) -> None:
    """A locked order goes from one address to another: what is held for it there goes with it.

    Not while another order runs at the door it leaves. Where the new door has the same deposit, the
    one left behind is due back; what was due back at the new door is held again.
    """
    customer_id = order.customer_id
    locked = await rows.lock_at_doors(session, customer_id, from_id, to_id)
    there = set()
    for deposit in locked:
        if deposit.address_id != to_id:
            continue
        if deposit.state is DepositState.DUE_BACK:
            await rows.move_deposit(
                session, deposit, DepositState.HELD, at=now, actor=actor, reason=MOVED_HERE
            )
        if deposit.state is DepositState.HELD:
            there.add((deposit.kind, deposit.product_id))
    if await rows.runs_at_door(session, customer_id, from_id, besides=order.order_id):
        return
    for deposit in locked:
        if deposit.address_id != from_id or deposit.state is not DepositState.HELD:
            continue
        if (deposit.kind, deposit.product_id) in there:
            await rows.move_deposit(
                session, deposit, DepositState.DUE_BACK, at=now, actor=actor, reason=MOVED_HERE
            )
        else:
            await rows.move_door(session, deposit, to_id, at=now, actor=actor, reason=MOVED_HERE)


async def give_back(
    session: AsyncSession,
    *,
    customer_id: UUID,
    deposit_id: UUID,
    handling: Handling,
    note: str | None,
) -> Deposit:
    """The box or the bottles are back: the deposit goes to where it came from.

    One taken over from a paper book becomes balance. Raises DepositUnknown, MoveNotAllowed while it
    is not due back, and what `request_refund` raises.
    """
    now, actor = handling.now, handling.actor
    deposit = await rows.lock_deposit(session, customer_id, deposit_id, doors=handling.doors)
    _require(deposit, DepositState.DUE_BACK, wanted=DepositState.RETURNED)
    await rows.move_deposit(
        session, deposit, DepositState.RETURNED, at=now, actor=actor, reason=note
    )
    if deposit.kind is DepositKind.BOX:
        box = await installations.find_standing(session, customer_id, deposit.address_id, lock=True)
        if box is not None and box.state is InstallationState.DONE:
            await installations.move_installation(
                session, box, InstallationState.REMOVED, at=now, actor=actor, note=note
            )
    await _pay_back(session, deposit, requested_by=handling.account_id, now=now)
    return deposit


async def pay_out(
    session: AsyncSession,
    *,
    customer_id: UUID,
    deposit_id: UUID,
    handling: Handling,
    evidence: str,
) -> Deposit:
    """A deposit that was paid in cash and is given back is handed over in cash, once.

    `evidence` names the paper the household signed. Raises DepositUnknown, MoveNotAllowed (not
    given back, or paid out already), and what `pay_out_cash` raises.
    """
    deposit = await rows.lock_deposit(session, customer_id, deposit_id, doors=handling.doors)
    _require(deposit, DepositState.RETURNED, wanted=DepositState.RETURNED)
    await pay_out_cash(
        session,
        customer_id=customer_id,
        reference_id=deposit.order_id,
        cause=_cause(deposit),
        by=handling.account_id,
        collector_id=handling.deliverer_id,
        evidence=evidence,
        now=handling.now,
    )
    return deposit


async def keep(
    session: AsyncSession,
    *,
    customer_id: UUID,
    deposit_id: UUID,
    handling: Handling,
    note: str | None,
) -> Deposit:
    """What does not come back is kept, and why; raises DepositUnknown, MoveNotAllowed."""
    deposit = await rows.lock_deposit(session, customer_id, deposit_id, doors=handling.doors)
    entry_id = await rows.move_deposit(
        session, deposit, DepositState.KEPT, at=handling.now, actor=handling.actor, reason=note
    )
    await _book(session, deposit, DEPOSIT, DEPOSIT_KEPT, "deposit_kept", entry_id, now=handling.now)
    return deposit


async def release_kept(
    session: AsyncSession,
    *,
    customer_id: UUID,
    deposit_id: UUID,
    handling: Handling,
    note: str | None,
) -> Deposit:
    """Take a keeping back: the deposit is due back again; raises DepositUnknown, MoveNotAllowed."""
    deposit = await rows.lock_deposit(session, customer_id, deposit_id, doors=handling.doors)
    _require(deposit, DepositState.KEPT, wanted=DepositState.DUE_BACK)
    entry_id = await rows.move_deposit(
        session, deposit, DepositState.DUE_BACK, at=handling.now, actor=handling.actor, reason=note
    )
    await _book(
        session, deposit, DEPOSIT_KEPT, DEPOSIT, "deposit_released", entry_id, now=handling.now
    )
    return deposit


def _require(deposit: Deposit, current: DepositState, *, wanted: DepositState) -> None:
    if deposit.state is not current:
        raise MoveNotAllowed(current=deposit.state.value, wanted=wanted.value)


def _cause(deposit: Deposit) -> str:
    return f"deposit:{deposit.deposit_id}"


async def _pay_back(
    session: AsyncSession, deposit: Deposit, *, requested_by: UUID | None, now: datetime
) -> None:
    if deposit.is_opening:
        source = deposit.deposit_id
        await _book(session, deposit, DEPOSIT, "balance", "deposit_returned", source, now=now)
        return
    await request_refund(
        session,
        customer_id=deposit.customer_id,
        reference_id=deposit.order_id,
        amount_fen=deposit.amount_fen,
        cause=_cause(deposit),
        from_account=DEPOSIT,
        requested_by=requested_by,
        now=now,
    )


async def _book(
    session: AsyncSession,
    deposit: Deposit,
    debit: str,
    credit: str,
    cause: str,
    source_id: UUID,
    *,
    now: datetime,
) -> None:
    await post(
        session,
        customer_id=deposit.customer_id,
        debit=debit,
        credit=credit,
        amount_fen=deposit.amount_fen,
        cause=cause,
        reference_id=deposit.order_id,
        source_id=source_id,
        now=now,
    )
