"""A move written down: at once when its address is covered, or once a reviewer has decided.

Renewals that follow the order go where it goes.
"""

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.service import contact_phone
from app.network.errors import DayClosed
from app.network.service import assign_address, hold_open_days, read_station_days
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.boxes import leave_box, require_box
from app.orders.changes.computing import Computed, compute, effect_on
from app.orders.changes.destinations import COVERED, UNCLEAR, Destination, ServedBy
from app.orders.changes.loading import read_lines
from app.orders.changes.moving import move_lines
from app.orders.changes.previews import Effect
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import new_change, write_lines
from app.orders.depositing import bring_along
from app.orders.errors import NoReviewWaiting, PreviewOutdated
from app.orders.models import Order, OrderChange, OrderReview
from app.orders.repository import renewals
from app.orders.repository.deposits import find_door
from app.orders.rules import ONE_DAY
from app.orders.states import ChangeStatus, InstallationState, OrderStatus

log = structlog.get_logger()

OUT_OF_AREA = "地址不在配送范围内"
TRIES = 3
_STATUS = {COVERED: ChangeStatus.APPLIED, UNCLEAR: ChangeStatus.UNDER_REVIEW}


async def write_move(
    session: AsyncSession, order: Order, computed: Computed, *, actor: str, now: datetime
) -> OrderChange:
    """Record a move of a locked order and decide it by the verdict on its address.

    Covered: it happens, once the new door has the milk box it needs. Unclear: a reviewer's queue.
    Uncovered: turned down, and nothing changes.
    """
    verdict = computed.effect.review or UNCLEAR
    change = new_change(order, computed.effect, actor=actor, now=now)
    change.status = _STATUS.get(verdict, ChangeStatus.REJECTED)
    if change.status is ChangeStatus.APPLIED and await _awaits_box(
        session, order, computed, actor=actor, now=now
    ):
        change.status = ChangeStatus.AWAITING_BOX
    session.add(change)
    await session.flush()
    reason = OUT_OF_AREA if change.status is ChangeStatus.REJECTED else None
    repository.move_change(session, change, None, at=now, actor=actor, reason=reason)
    review = OrderReview(
        customer_id=order.customer_id,
        review_id=change.change_id,
        order_id=order.order_id,
        change_id=change.change_id,
        verdict=verdict,
        opened_at=now,
    )
    session.add(review)
    await session.flush()
    if verdict == COVERED:
        _decide(review, "approved", by="system", now=now)
    if change.status is ChangeStatus.APPLIED:
        await let_move_happen(session, order, change, computed, now=now)
        return change
    # Other previews of this order end: a second move is refused while this one waits.
    order.version += 1
    if reason is not None:
        _decide(review, "rejected", by="system", now=now, reason=reason)
    await session.flush()
    await _tell(session, order, change, now=now, reason=reason)
    return change


def _decide(
    review: OrderReview, decision: str, *, by: str, now: datetime, reason: str | None = None
) -> None:
    review.decision, review.decided_by, review.decided_at = decision, by, now
    review.reason = reason


async def approve_move(
    session: AsyncSession,
    *,
    order: Order,
    change_id: UUID,
    served_by: ServedBy,
    actor: str,
    now: datetime,
) -> Order:
    """Let a move happen that waits; its first day is fixed now by both stations' days, or once the
    new door has its milk box.

    Raises NoReviewWaiting, NothingToChange (nothing is left to bring), NoOpenDay, PreviewOutdated
    when the order changes at this moment.
    """
    change = await repository.get_change(session, order.customer_id, change_id)
    wanted = WantedChange.from_json(change.request)
    holds = await _hold(session, order, wanted, served_by=served_by, now=now)
    order = await repository.lock_order(session, order.customer_id, order.order_id)
    change, review = await _lock_waiting(session, order, change_id)
    computed = await compute(session, order, wanted, now=now, served_by=served_by)
    if not set(computed.holds) <= holds:
        raise PreviewOutdated
    _decide(review, "approved", by=actor, now=now)
    waits = await _awaits_box(session, order, computed, actor=actor, now=now)
    status = ChangeStatus.AWAITING_BOX if waits else ChangeStatus.APPLIED
    repository.move_change(session, change, status, at=now, actor=actor)
    change.effective_date = computed.effect.effective_date
    change.preview = computed.effect.as_json() | {"review": review.verdict}
    if waits:
        order.version += 1
        await session.flush()
        await _tell(session, order, change, now=now)
    else:
        await let_move_happen(session, order, change, computed, now=now)
    return order


async def _awaits_box(
    session: AsyncSession, order: Order, computed: Computed, *, actor: str, now: datetime
) -> bool:
    """Whether the new door must have a milk box first; who will bring there sees it from now on."""
    there, first = computed.destination, computed.effect.effective_date
    if there is None or there.served_by is None:
        return False
    box = await require_box(
        session,
        customer_id=order.customer_id,
        address_id=there.building.address_id,
        product_ids={
            product for line in computed.outcome.lines for product in line.state.product_ids
        },
        station_id=there.served_by.station_id,
        due_date=first,
        actor=actor,
        now=now,
    )
    if box is None or box.state is InstallationState.DONE:
        return False
    await _assign(session, order, there, first)
    return True


async def _assign(session: AsyncSession, order: Order, there: Destination, first: date) -> None:
    if there.served_by is None:
        raise NoReviewWaiting
    await assign_address(
        session,
        customer_id=order.customer_id,
        address_id=there.building.address_id,
        block_id=there.served_by.block_id,
        stop_no=there.served_by.stop_no,
        valid_from=first,
    )


async def _hold(
    session: AsyncSession,
    order: Order,
    wanted: WantedChange,
    *,
    served_by: ServedBy,
    now: datetime,
) -> set[tuple[UUID, object]]:
    """Keep open what the move touches, before its order is locked; a day that freezes is left out."""
    for attempt in range(TRIES):
        holds = (await compute(session, order, wanted, now=now, served_by=served_by)).holds
        try:
            await hold_open_days(session, holds=holds, now=now)
        except DayClosed:
            if attempt + 1 == TRIES:
                raise
        else:
            break
    return set(holds)


async def reject_move(
    session: AsyncSession,
    *,
    order: Order,
    change_id: UUID,
    reason: str,
    actor: str,
    now: datetime,
) -> Order:
    """Turn down a move that waits: milk goes on to the present address. Raises NoReviewWaiting."""
    order = await repository.lock_order(session, order.customer_id, order.order_id)
    change, review = await _lock_waiting(session, order, change_id)
    repository.move_change(
        session, change, ChangeStatus.REJECTED, at=now, actor=actor, reason=reason
    )
    _decide(review, "rejected", by=actor, now=now, reason=reason)
    order.version += 1
    await session.flush()
    await _tell(session, order, change, now=now, reason=reason)
    return order


async def take_waiting_back(
    session: AsyncSession, order: Order, change: OrderChange, *, actor: str, now: datetime
) -> None:
    """A move that waits is taken back: nobody decides it, or hangs a box for it, any more."""
    waited_for_review = change.status is ChangeStatus.UNDER_REVIEW
    repository.move_change(session, change, ChangeStatus.UNDONE, at=now, actor=actor)
    order.version += 1
    await session.flush()
    if waited_for_review:
        review = await session.get_one(
            OrderReview, (change.customer_id, change.change_id), with_for_update=True
        )
        _decide(review, "withdrawn", by=actor, now=now)
    else:
        await leave_box(
            session,
            customer_id=change.customer_id,
            address_id=UUID(change.request["address_id"]),
            actor=actor,
            now=now,
        )
    await session.flush()


async def bring_back(
    session: AsyncSession, order: Order, change: OrderChange, *, actor: str, now: datetime
) -> None:
    """A move that happened is undone: deposits go back to the door it left."""
    await bring_along(
        session,
        order,
        from_id=UUID(change.request["address_id"]),
        to_id=await find_door(session, order),
        actor=actor,
        now=now,
    )


async def _lock_waiting(
    session: AsyncSession, order: Order, change_id: UUID
) -> tuple[OrderChange, OrderReview]:
    change = await repository.get_change(session, order.customer_id, change_id, lock=True)
    review = await session.get(
        OrderReview, (order.customer_id, change_id), with_for_update=True, populate_existing=True
    )
    if (
        change.order_id != order.order_id
        or change.status is not ChangeStatus.UNDER_REVIEW
        or order.status is not OrderStatus.DELIVERING
        or review is None
    ):
        raise NoReviewWaiting
    return change, review


async def let_move_happen(
    session: AsyncSession, order: Order, change: OrderChange, computed: Computed, *, now: datetime
) -> None:
    """Terms, deposits and renewals of a move that is applied; raises NoReviewWaiting."""
    there, first = computed.destination, change.effective_date
    if there is None or there.served_by is None:
        raise NoReviewWaiting
    await _assign(session, order, there, first)
    await write_lines(session, change, computed.outcome.lines, now=now)
    followers = await _take_along(session, order, change, there, now=now)
    change.footprint = (change.footprint or {}) | followers
    order.version += 1
    await session.flush()
    await bring_along(
        session,
        order,
        from_id=await _door_before(session, order, change),
        to_id=there.building.address_id,
        actor=change.actor,
        now=now,
    )
    await _tell(session, order, change, now=now)


async def _door_before(session: AsyncSession, order: Order, change: OrderChange) -> UUID:
    doors = await repository.list_doors(session, [(order.customer_id, order.order_id)])
    left = [door for door in doors[order.order_id] if door.change_id != change.change_id]
    return left[-1].address_id


async def _take_along(
    session: AsyncSession, order: Order, change: OrderChange, there: Destination, *, now: datetime
) -> dict[str, list[str]]:
    """Bring the renewals to the new door as well: running ones by a move, others by their address."""
    moved: list[str] = []
    before = order
    while True:
        found = await renewals.find_renewal(session, before.customer_id, before.order_id)
        if found is None:
            return {"moved": moved}
        renewal = await repository.lock_order(session, found.customer_id, found.order_id)
        if renewal.status is OrderStatus.DELIVERING:
            follower = await _move_along(session, renewal, change, there, now=now)
            moved.append(str(follower.change_id))
        elif renewal.status in {OrderStatus.PENDING_PAYMENT, OrderStatus.UNDER_REVIEW}:
            renewal.address_id = there.building.address_id
            renewal.version += 1
        await session.flush()
        before = renewal


async def _move_along(
    session: AsyncSession,
    renewal: Order,
    cause: OrderChange,
    there: Destination,
    *,
    now: datetime,
) -> OrderChange:
    if there.served_by is None:
        raise NoReviewWaiting
    first = cause.effective_date
    rows = await repository.list_lines(session, renewal.customer_id, [renewal.order_id])
    states = await read_lines(session, renewal, rows)
    days = await read_station_days(session, station_id=there.served_by.station_id, now=now)
    outcomes = move_lines(states, there.door(first), days=days)
    effect = Effect(
        wanted=replace(WantedChange.from_json(cause.request), first_date=first),
        effective_date=first,
        first_possible_date=first,
        lines=[effect_on(one, first) for one in outcomes],
        review=COVERED,
    )
    change = new_change(renewal, effect, actor=cause.actor, now=now)
    session.add(change)
    await session.flush()
    repository.move_change(session, change, None, at=now, actor=cause.actor)
    await write_lines(session, change, outcomes, now=now)
    renewal.version += 1
    await session.flush()
    return change


async def _tell(
    session: AsyncSession,
    order: Order,
    change: OrderChange,
    *,
    now: datetime,
    reason: str | None = None,
) -> None:
    log.info("move.decided", change=str(change.change_id), status=change.status.value)
    parameters = {"order": order.order_no}
    template, cause = "move_under_review", str(change.change_id)
    if change.status is ChangeStatus.AWAITING_BOX:
        template = "move_awaits_box"
    elif change.status is ChangeStatus.APPLIED:
        template = "move_confirmed"
        until = change.effective_date - ONE_DAY
        cause = f"{cause}:{change.effective_date}"
        parameters |= {"date": change.effective_date.isoformat(), "until": until.isoformat()}
    elif change.status is ChangeStatus.REJECTED:
        template = "move_rejected"
        parameters["reason"] = reason or OUT_OF_AREA
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template=template,
        parameters=parameters,
        cause=f"{template}:{cause}",
        now=now,
    )
