"""The operator takes days out of the plan before their freeze: festival, flood, road closed.

A whole station's days are closed in the calendar. Of some blocks or products only, the days stay
open: what is ordered or changed onto them later rolls on when the day is planned.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.ids import new_id, public_single
from app.delivery.errors import (
    WithdrawalBegun,
    WithdrawalCovered,
    WithdrawalHitsNobody,
    WithdrawalScopeUnknown,
    WithdrawalTooLong,
    WithdrawalUndone,
    WithdrawalUnknown,
)
from app.delivery.make_up import move_make_ups
from app.delivery.repository import planning
from app.delivery.service.marking import mark_withdrawn
from app.delivery.service.withdrawal_news import wake_telling
from app.network import service as network
from app.network.errors import DayClosed
from app.network.models import PlanDayState
from app.orders.models import Withdrawal
from app.orders.repository import withdrawals
from app.orders.repository.withdrawals import Scope
from app.orders.service import put_back, take_out
from app.orders.states import WithdrawalSettle

MOST_DAYS = 31
SAMPLE = 20
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hit:
    """Whom a scope would hit: by station, and some lines."""

    stations: Sequence[Row[Any]]
    sample: Sequence[Row[Any]]


async def preview_withdrawal(session: AsyncSession, scope: Scope, *, now: datetime) -> Hit:
    """Who would be hit; nothing is locked or kept.

    Raises WithdrawalScopeUnknown, WithdrawalTooLong, and DayClosed.
    """
    await _require_possible(session, scope, now=now)
    for station_id in sorted(scope.stations):
        closed = await network.list_closed_dates(
            session, station_id=station_id, from_date=scope.first, now=now
        )
        if shut := closed & set(scope.days):
            raise DayClosed(service_date=min(shut).isoformat(), station_id=str(station_id))
    await withdrawals.prepare_bulk_work(session)
    found = await withdrawals.count_hit(session, scope)
    sample = await withdrawals.sample_hit(session, scope, limit=SAMPLE)
    await withdrawals.end_bulk_work(session)
    return Hit(found, sample)


async def withdraw(
    session: AsyncSession,
    scope: Scope,
    *,
    settle: WithdrawalSettle,
    reason: str,
    actor: str,
    now: datetime,
    is_standing: bool = False,
) -> Withdrawal:
    """Withdraw a scope: list its stops, roll or credit its bottles, tell the households by SMS.

    Raises DayClosed when a day is frozen, withdrawn already or past its cut-off,
    WithdrawalScopeUnknown, WithdrawalTooLong, and, unless it `is_standing` for what may come onto
    its days later, WithdrawalHitsNobody for a part that nobody gets anything of (S1 5.2.6).
    """
    await _require_possible(session, scope, now=now)
    await withdrawals.lock_acts(session)
    await _hold(session, scope, now=now)
    made = await _write(session, scope, settle=settle, reason=reason, actor=actor, now=now)
    if scope.is_whole:
        await network.withdraw_days(
            session,
            stations=scope.stations,
            first=scope.first,
            last=scope.last,
            reason=reason,
            now=now,
        )
    await _take(session, made, scope, settle=settle, wished=scope.last + ONE_DAY, now=now)
    done = await get_withdrawal(session, made.id)
    if not (scope.is_whole or is_standing or done.lines or done.make_ups):
        raise WithdrawalHitsNobody("如要对之后新增的配送也停送，请设 is_standing 后再提交")
    return done


async def withdraw_late(
    session: AsyncSession, *, stations: Collection[UUID], service_date: date, now: datetime
) -> None:
    """Roll on what came onto a day after some of its blocks or products had been withdrawn.

    To be called before the day is planned; each find of lines is a withdrawal of its own, make-ups
    found alone are counted to the one that stands.
    """
    standing = await withdrawals.list_partial_on(session, service_date)
    if not standing:
        return
    await withdrawals.lock_acts(session)
    for found in standing:
        scope = Scope(
            stations=sorted(set(stations) & set(found.station_ids)),
            blocks=found.block_ids,
            products=found.product_ids,
            first=service_date,
            last=service_date,
        )
        if not scope.stations:
            continue
        wished = found.last_date + ONE_DAY
        if not await withdrawals.count_hit(session, scope):
            found.make_ups += await _move_make_ups(session, scope, wished=wished, now=now)
            await session.flush()
            continue
        made = await _write(
            session,
            scope,
            settle=WithdrawalSettle.PERIOD,
            reason=found.reason,
            actor="system",
            now=now,
        )
        await _take(session, made, scope, settle=WithdrawalSettle.PERIOD, wished=wished, now=now)


async def undo_withdrawal(
    session: AsyncSession,
    *,
    withdrawal_id: UUID,
    actor: str,
    now: datetime,
    station_id: UUID | None = None,
) -> Withdrawal:
    """Put a withdrawal's days back before the first of them is frozen, and tell the households.

    Of one station only, if said. Days that another withdrawal holds stay without milk. Raises
    WithdrawalUnknown, WithdrawalUndone, WithdrawalBegun, and WithdrawalCovered for a part whose
    days the whole station has been withdrawn on since.
    """
    await withdrawals.lock_acts(session)
    made = await get_withdrawal(session, withdrawal_id, station_id=station_id)
    if made.undone_at is not None:
        raise WithdrawalUndone
    scope = scope_of(made)
    try:
        if scope.is_whole:
            await network.reopen_days(
                session, stations=scope.stations, first=scope.first, last=scope.last, now=now
            )
        else:
            await _hold(session, scope, now=now)
    except DayClosed as error:
        raise await _why_not_undone(session, scope, now=now) from error
    made.undone_at, made.undone_by, made.told_at = now, actor, None
    await session.flush()
    kept = await put_back(
        session, withdrawal_id=withdrawal_id, first_date=scope.first, actor=actor, now=now
    )
    await planning.prepare_bulk_work(session)
    held = await withdrawals.list_held(session, withdrawal_id)
    await planning.drop_withdrawn_stops(
        session, withdrawal_id=withdrawal_id, held=held, first=scope.first, last=scope.last
    )
    await planning.end_bulk_work(session)
    await session.execute(
        update(Withdrawal)
        .where(Withdrawal.id == withdrawal_id)
        .values(kept_lines=kept)
        .execution_options(synchronize_session=False)
    )
    await wake_telling(session, withdrawal_id, is_undo=True)
    return await get_withdrawal(session, withdrawal_id)


async def _why_not_undone(
    session: AsyncSession, scope: Scope, *, now: datetime
) -> WithdrawalBegun | WithdrawalCovered:
    """A day has begun, or, if none has, a wider withdrawal stands over the scope."""
    for station_id in sorted(scope.stations):
        for day in await network.list_days(
            session, station_id=station_id, from_date=scope.first, until=scope.last + ONE_DAY
        ):
            if day.state is PlanDayState.FROZEN or day.cutoff_at <= now:
                return WithdrawalBegun()
    wider = None if scope.is_whole else await withdrawals.find_whole_over(session, scope)
    if wider is None:
        return WithdrawalBegun()
    return WithdrawalCovered(withdrawal=public_single("wdr", wider))


async def get_withdrawal(
    session: AsyncSession, withdrawal_id: UUID, *, station_id: UUID | None = None
) -> Withdrawal:
    """One withdrawal; of no other station than the one said. Raises WithdrawalUnknown."""
    made = await withdrawals.find_withdrawal(session, withdrawal_id)
    if made is None or (station_id is not None and made.station_ids != [station_id]):
        raise WithdrawalUnknown
    return made


def scope_of(made: Withdrawal) -> Scope:
    """The scope that a withdrawal took out."""
    return Scope(
        stations=made.station_ids,
        blocks=made.block_ids,
        products=made.product_ids,
        first=made.first_date,
        last=made.last_date,
    )


async def _require_possible(session: AsyncSession, scope: Scope, *, now: datetime) -> None:
    if not 0 <= (scope.last - scope.first).days < MOST_DAYS:
        raise WithdrawalTooLong(most_days=MOST_DAYS)
    if scope.first <= local_date(now):
        raise DayClosed(service_date=scope.first.isoformat())
    if not await withdrawals.is_known(session, scope):
        raise WithdrawalScopeUnknown


async def _hold(session: AsyncSession, scope: Scope, *, now: datetime) -> None:
    await network.hold_days(
        session,
        stations=scope.stations,
        first=scope.first,
        last=scope.last,
        state=PlanDayState.OPEN,
        now=now,
    )


async def _write(
    session: AsyncSession,
    scope: Scope,
    *,
    settle: WithdrawalSettle,
    reason: str,
    actor: str,
    now: datetime,
) -> Withdrawal:
    made = Withdrawal(
        id=new_id(),
        station_ids=sorted(scope.stations),
        block_ids=None if scope.blocks is None else sorted(scope.blocks),
        product_ids=None if scope.products is None else sorted(scope.products),
        first_date=scope.first,
        last_date=scope.last,
        reason=reason,
        settle=settle,
        lines=0,
        households=0,
        bottles=0,
        credit_fen=0,
        stops=0,
        make_ups=0,
        actor=actor,
        at=now,
    )
    session.add(made)
    await session.flush()
    return made


async def _take(
    session: AsyncSession,
    made: Withdrawal,
    scope: Scope,
    *,
    settle: WithdrawalSettle,
    wished: date,
    now: datetime,
) -> None:
    """List the stops, take the lines, move the make-ups (not before `wished`), have it told."""
    stops = 0
    for day in scope.days:
        stops += await mark_withdrawn(
            session,
            stations=scope.stations,
            service_date=day,
            blocks=scope.blocks,
            products=scope.products,
        )
    taken = await take_out(
        session,
        scope,
        withdrawal_id=made.id,
        settle=settle,
        reason=made.reason,
        actor=made.actor,
        now=now,
    )
    make_ups = await _move_make_ups(session, scope, wished=wished, now=now)
    await session.execute(
        update(Withdrawal)
        .where(Withdrawal.id == made.id)
        .values(
            lines=taken.lines,
            households=taken.households,
            bottles=taken.bottles,
            credit_fen=taken.credit_fen,
            stops=stops,
            make_ups=make_ups,
        )
        .execution_options(synchronize_session=False)
    )
    await wake_telling(session, made.id, is_undo=False)


async def _move_make_ups(
    session: AsyncSession, scope: Scope, *, wished: date, now: datetime
) -> int:
    moved = 0
    for station_id in sorted(scope.stations):
        for day in scope.days:
            moved += await move_make_ups(
                session,
                station_id=station_id,
                service_date=day,
                wished=wished,
                blocks=scope.blocks,
                products=scope.products,
                now=now,
            )
    return moved


async def list_withdrawals(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Withdrawal]:
    """Withdrawals (of one station), newest first."""
    return await withdrawals.list_withdrawals(
        session, station_id=station_id, before=before, limit=limit
    )
