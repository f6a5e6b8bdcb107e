"""Changes that a deliverer writes down at the door (S1 4.2.5): they count once the household says so.

What was written down is computed anew when it is confirmed; if that differs from what the household
saw, nothing happens and it is shown again. A dated rule may let a kind count at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE, local_date
from app.core.errors import AppError
from app.customers.service import contact_phone
from app.links import service as links
from app.links.states import LinkPurpose
from app.network.service import hold_open_days
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.computing import Computed, compute
from app.orders.changes.kinds import KINDS
from app.orders.changes.previews import Effect
from app.orders.changes.stays import stays_of
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import let_happen, new_change, write_change
from app.orders.errors import (
    ChangeNotWaiting,
    ChangeTooEarly,
    ChangeUnknown,
    KindNotRecordable,
    PreviewOutdated,
)
from app.orders.models import Order, OrderChange
from app.orders.repository import recorded
from app.orders.states import ChangeStatus

log = structlog.get_logger()

RECORDABLE: Final = frozenset({"skip", "pause", "resume", "change_quantity"})
TEMPLATE: Final = "change_recorded"
SHORTEST_LINK = timedelta(minutes=1)


@dataclass(frozen=True)
class Recorded:
    """A change written down at a door, and what confirming it now would do."""

    change: OrderChange
    order: Order
    effect: Effect | None
    """None: it does not wait any more, or cannot be done as things are."""
    refusal: AppError | None = None
    """Why it cannot be done."""

    @property
    def seen(self) -> str | None:
        """Names what is shown: to be given back when confirming."""
        return None if self.effect is None else self.effect.digest()

    @property
    def has_changed(self) -> bool:
        """Whether it is not what the deliverer wrote down any more."""
        return self.effect is not None and self.effect.as_json() != self.change.preview


def _actor(deliverer_id: UUID) -> str:
    return f"deliverer:{deliverer_id}"


async def preview_recorded(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    wanted: WantedChange,
    now: datetime,
) -> tuple[Effect, bool]:
    """What a change would do, and whether it waits for the household's word.

    Raises KindNotRecordable and what `preview_change` raises.
    """
    if wanted.kind not in RECORDABLE:
        raise KindNotRecordable(kind=wanted.kind)
    order = await repository.get_order(session, customer_id, order_id)
    computed = await compute(session, order, wanted, now=now)
    waits = await recorded.needs_confirmation(session, wanted.kind, on=local_date(now))
    return computed.effect, waits


async def record_change(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    wanted: WantedChange,
    deliverer_id: UUID,
    now: datetime,
) -> OrderChange:
    """Write down what a household asked for at its door; an SMS carries the link to confirm it.

    The same again, while it waits, is the same record. Raises as `preview_recorded`, DayClosed.
    """
    if wanted.kind not in RECORDABLE:
        raise KindNotRecordable(kind=wanted.kind)
    order = await repository.get_order(session, customer_id, order_id)
    if not await recorded.needs_confirmation(session, wanted.kind, on=local_date(now)):
        return await _do_at_once(session, order, wanted, deliverer_id=deliverer_id, now=now)
    order = await repository.lock_order(session, customer_id, order_id)
    standing = await recorded.find_same(session, order, wanted.as_json())
    if standing is not None:
        return standing
    computed = await compute(session, order, wanted, now=now)
    first = computed.effect.effective_date
    until = (await stays_of(session, order, now=now)).days.cutoff_of(first)
    if until is None or until <= now:
        raise ChangeTooEarly(first_possible_date=computed.effect.first_possible_date.isoformat())
    change = new_change(order, computed.effect, actor=_actor(deliverer_id), now=now)
    change.status = ChangeStatus.AWAITING_CONFIRMATION
    change.recorded_by, change.confirm_before_at = deliverer_id, until
    session.add(change)
    await session.flush()
    repository.move_change(session, change, None, at=now, actor=change.actor)
    await session.flush()
    await _send_link(session, order, change, until=until, now=now)
    log.info("change.recorded", change=str(change.change_id), deliverer=str(deliverer_id))
    return change


async def _do_at_once(
    session: AsyncSession, order: Order, wanted: WantedChange, *, deliverer_id: UUID, now: datetime
) -> OrderChange:
    order, computed = await _held(session, order, wanted, now=now)
    return await write_change(
        session,
        order,
        computed.effect,
        computed.outcome,
        actor=_actor(deliverer_id),
        now=now,
        recorded_by=deliverer_id,
    )


async def _held(
    session: AsyncSession, order: Order, wanted: WantedChange, *, now: datetime
) -> tuple[Order, Computed]:
    """The order locked after the days that the change touches; raises PreviewOutdated."""
    before = await compute(session, order, wanted, now=now)
    await hold_open_days(session, holds=before.holds, now=now)
    order = await repository.lock_order(session, order.customer_id, order.order_id)
    computed = await compute(session, order, wanted, now=now)
    if not set(computed.holds) <= set(before.holds):
        raise PreviewOutdated
    return order, computed


async def _send_link(
    session: AsyncSession, order: Order, change: OrderChange, *, until: datetime, now: datetime
) -> None:
    token = await links.make_link(
        session,
        purpose=LinkPurpose.CHANGE_CONFIRMATION,
        customer_id=order.customer_id,
        subject_id=change.change_id,
        round_no=1,
        lifetime=max(until - now, SHORTEST_LINK),
    )
    local = until.astimezone(OPERATOR_ZONE)
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template=TEMPLATE,
        parameters={
            "order": order.order_no,
            "what": KINDS[change.kind].label,
            "until": f"{local.month}月{local.day}日{local:%H:%M}",
            **links.sms_parameters(token),
        },
        cause=f"{TEMPLATE}:{change.change_id}",
        now=now,
        send_before=until,
    )


def _waits(change: OrderChange, *, now: datetime) -> bool:
    return (
        change.status is ChangeStatus.AWAITING_CONFIRMATION
        and change.confirm_before_at is not None
        and change.confirm_before_at > now
    )


async def view_recorded(
    session: AsyncSession, *, customer_id: UUID, change_id: UUID, now: datetime
) -> Recorded:
    """A change written down at a door as it is now; changes nothing. Raises ChangeNotWaiting."""
    change = await repository.get_change(session, customer_id, change_id)
    if change.recorded_by is None:
        raise ChangeNotWaiting(status=change.status.value)
    order = await repository.get_order(session, customer_id, change.order_id)
    if not _waits(change, now=now):
        return Recorded(change, order, None)
    try:
        wanted = WantedChange.from_json(change.request)
        computed = await compute(session, order, wanted, now=now)
    except AppError as error:
        return Recorded(change, order, None, error)
    return Recorded(change, order, computed.effect)


async def confirm_recorded(
    session: AsyncSession,
    *,
    customer_id: UUID,
    change_id: UUID,
    seen: str,
    actor: str,
    now: datetime,
) -> OrderChange:
    """The household's yes to what it saw; a second yes changes nothing.

    Raises ChangeUnknown, ChangeNotWaiting, PreviewOutdated (show it again) and what its kind raises.
    """
    found = await repository.get_change(session, customer_id, change_id)
    if found.recorded_by is not None and found.status is ChangeStatus.APPLIED:
        return found
    if not _waits(found, now=now):
        raise ChangeNotWaiting(status=found.status.value)
    order = await repository.get_order(session, customer_id, found.order_id)
    try:
        wanted = WantedChange.from_json(found.request)
        order, computed = await _held(session, order, wanted, now=now)
    except AppError:
        # A yes given at the same time may have come first.
        change = await repository.get_change(session, customer_id, change_id)
        if change.status is ChangeStatus.APPLIED:
            return change
        raise
    change = await repository.get_change(session, customer_id, change_id, lock=True)
    if change.status is ChangeStatus.APPLIED:
        return change
    if not _waits(change, now=now):
        raise ChangeNotWaiting(status=change.status.value)
    effect = computed.effect
    if effect.digest() != seen:
        raise PreviewOutdated
    repository.move_change(session, change, ChangeStatus.APPLIED, at=now, actor=actor)
    change.effective_date, change.preview = effect.effective_date, effect.as_json()
    change.rule, change.resumes_date = effect.rule, effect.resumes_date
    change.credit_fen, change.confirmed_at = effect.credit_fen, now
    await let_happen(session, order, change, effect, computed.outcome, actor=actor, now=now)
    return change


async def decline_recorded(
    session: AsyncSession, *, customer_id: UUID, change_id: UUID, actor: str, now: datetime
) -> OrderChange:
    """The household's no: nothing changes; a second no neither. Raises ChangeNotWaiting."""
    return await _end(session, customer_id, change_id, ChangeStatus.DECLINED, actor=actor, now=now)


async def withdraw_recorded(
    session: AsyncSession,
    *,
    customer_id: UUID,
    change_id: UUID,
    deliverer_id: UUID,
    now: datetime,
) -> OrderChange:
    """The deliverer takes back what he wrote down. Raises ChangeUnknown, ChangeNotWaiting."""
    found = await repository.get_change(session, customer_id, change_id)
    if found.recorded_by != deliverer_id:
        raise ChangeUnknown
    return await _end(
        session, customer_id, change_id, ChangeStatus.UNDONE, actor=_actor(deliverer_id), now=now
    )


async def _end(
    session: AsyncSession,
    customer_id: UUID,
    change_id: UUID,
    status: ChangeStatus,
    *,
    actor: str,
    now: datetime,
) -> OrderChange:
    found = await repository.get_change(session, customer_id, change_id)
    await repository.lock_order(session, customer_id, found.order_id)
    change = await repository.get_change(session, customer_id, change_id, lock=True)
    if change.recorded_by is not None and change.status is status:
        return change
    if change.status is not ChangeStatus.AWAITING_CONFIRMATION:
        raise ChangeNotWaiting(status=change.status.value)
    repository.move_change(session, change, status, at=now, actor=actor)
    await session.flush()
    return change


async def answer_by_link(
    session: AsyncSession, *, token: str, seen: str | None, now: datetime
) -> OrderChange:
    """The holder's yes to what he saw, or his no (`seen` None); the same again answers the same.

    Raises LinkUnknown, LinkExpired, LinkUsed and what confirming raises.
    """
    link = await links.read_link(session, token, purpose=LinkPurpose.CHANGE_CONFIRMATION)
    about = {"customer_id": link.customer_id, "change_id": link.subject_id}
    if seen is None:
        change = await decline_recorded(session, **about, actor="customer", now=now)
    else:
        change = await confirm_recorded(session, **about, seen=seen, actor="customer", now=now)
    link = await links.read_link(session, token, purpose=LinkPurpose.CHANGE_CONFIRMATION, lock=True)
    await links.use_link(session, link, used_for="declined" if seen is None else "confirmed")
    return change
