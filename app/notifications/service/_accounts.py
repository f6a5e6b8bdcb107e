"""How the accounts fare, for all workers together: a breaker in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert, resolve_alert
from app.notifications import repository
from app.notifications.channels import SmsGateway
from app.notifications.states import SmsAccount

FAILURES = 5
"""So many in a row, and the account rests."""
PAUSE = timedelta(seconds=30)
"""After a pause one call tries; the others wait for what it finds."""
REFUSED_PAUSE = timedelta(minutes=5)
"""A person has to mend the account: no need to ask every few seconds."""
DOWN = "sms_account_down"


async def choose_account(
    session: AsyncSession, candidates: Sequence[SmsGateway], *, wall: datetime
) -> SmsGateway | None:
    """The first account that is not resting; takes the trial of one whose pause has ended."""
    for candidate in candidates:
        state = await repository.find_account(session, candidate.account)
        if state is None or state.paused_until is None:
            return candidate
        if state.paused_until <= wall and await repository.take_trial(
            session, candidate.account, wall=wall, until=wall + PAUSE
        ):
            return candidate
    return None


async def account_answered(session: AsyncSession, account: SmsAccount) -> None:
    """The account works: what was counted against it is forgotten."""
    if await repository.clear_failures(session, account):
        await resolve_alert(session, DOWN, account)


async def account_failed(
    session: AsyncSession,
    account: SmsAccount,
    *,
    reason: str,
    wall: datetime,
    pause: timedelta | None = None,
) -> None:
    """No answer came (rest after five in a row), or one that asks for a pause at once.

    The alert is raised once and resolves itself with the next message that goes through.
    """
    failures = await repository.count_failure(session, account, reason=reason)
    if pause is not None or failures >= FAILURES:
        await repository.pause_account(session, account, until=wall + (pause or PAUSE))
    if pause == REFUSED_PAUSE or failures >= FAILURES:
        await raise_alert(session, DOWN, account, reason=reason)
