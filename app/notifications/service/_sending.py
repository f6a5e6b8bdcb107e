"""Handing a message to a provider: claim, call, record.

What one account refuses for its own reasons goes to the next one at once; in each round every
account is tried once, and the pauses between rounds grow. A call without an answer leaves the
message unknown: after a minute that account is asked, and only what it does not have is sent
again. When it cannot tell, the next message is marked as possibly a second one; a login code then
ends instead.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert
from app.core.clock import BusinessClock, wall_now
from app.core.db import Database
from app.core.outbound import Answered, Unknown, call_outside
from app.notifications import repository
from app.notifications.channels import (
    Accepted,
    Found,
    Refused,
    SendAnswer,
    SmsGateway,
    Unreached,
)
from app.notifications.channels.protocol import Fate, RefusalKind
from app.notifications.models import SmsAttempt, SmsMessage
from app.notifications.rules import back_off
from app.notifications.service._accounts import (
    PAUSE,
    REFUSED_PAUSE,
    account_answered,
    account_failed,
)
from app.notifications.service._claiming import NOT_APPROVED, SETTLE, Task, claim, hold, wake
from app.notifications.service._gates import Held
from app.notifications.states import AttemptOutcome, SmsStatus

STALE = timedelta(seconds=20)
"""A claim older than this is not acted upon: someone else may soon think it lapsed."""
ENQUIRIES = 5
NUMBER_PAUSE = timedelta(minutes=1)

_Reply = SendAnswer | Found | None
_Outcome = Answered[_Reply] | Unknown
_PAUSES = {RefusalKind.ACCOUNT: REFUSED_PAUSE, RefusalKind.LATER: PAUSE}


async def send_message(
    database: Database,
    gateways: Sequence[SmsGateway],
    *,
    customer_id: UUID,
    message_id: UUID,
    clock: BusinessClock,
) -> None:
    """Send a message that is due, or find out what became of it; else do nothing."""

    async def prepare(session: AsyncSession) -> Task | None:
        return await claim(
            session,
            gateways,
            customer_id=customer_id,
            message_id=message_id,
            now=clock.now(),
            wall=wall_now(),
        )

    async def record(session: AsyncSession, task: Task, outcome: _Outcome) -> None:
        message = await repository.lock_message(
            session, customer_id=customer_id, message_id=message_id
        )
        if message is None:
            return
        attempts = await repository.list_attempts(
            session, customer_id=customer_id, message_id=message_id
        )
        if task.asks:
            await _record_enquiry(session, message, attempts, task, outcome)
        else:
            await _record_sending(session, message, attempts, task, outcome)

    await call_outside(database, prepare=prepare, call=_call, record=record)


async def _call(task: Task) -> _Reply:
    if task.asks:
        return await task.gateway.find(phone=task.phone, out_id=task.out_id, sent_at=task.sent_at)
    if wall_now() - task.claimed_at > STALE:
        return Unreached("claim gone stale")
    return await task.gateway.send(
        phone=task.phone,
        template_code=task.template_code,
        parameters=task.parameters,
        out_id=task.out_id,
    )


async def _record_sending(
    session: AsyncSession,
    message: SmsMessage,
    attempts: Sequence[SmsAttempt],
    task: Task,
    outcome: _Outcome,
) -> None:
    _end_attempt(attempts, task, outcome)
    await _judge_account(session, task, outcome)
    accepted = (
        outcome.value
        if isinstance(outcome, Answered) and isinstance(outcome.value, Accepted)
        else None
    )
    if accepted is not None:
        await repository.link_receipt(
            session,
            provider=task.gateway.provider,
            provider_message_id=accepted.message_id,
            customer_id=message.customer_id,
            message_id=message.message_id,
        )
        message.provider = task.gateway.provider
        message.provider_message_id = message.provider_message_id or accepted.message_id
    if message.attempts != task.attempt or message.status != SmsStatus.SENDING:
        # a receipt was faster, or the claim lapsed and somebody went on
        if accepted is not None and message.attempts != task.attempt:
            message.duplicate_possible = True
        return
    if accepted is not None:
        message.change_status(SmsStatus.ACCEPTED)
        message.failure = None
    elif isinstance(outcome, Unknown):
        message.change_status(SmsStatus.UNKNOWN)
        message.failure = "no_answer"
        await wake(session, message, after=SETTLE, wall=wall_now())
    elif isinstance(outcome.value, Refused):
        await _refused(session, message, attempts, task, outcome.value)
    else:
        message.failure = "unreached"
        await _next(session, message, attempts, task, seconds=5, most=300)


def _end_attempt(attempts: Sequence[SmsAttempt], task: Task, outcome: _Outcome) -> None:
    """Write down what the call came to; what a question has found out meanwhile stays."""
    attempt = next((one for one in attempts if one.attempt_no == task.attempt), None)
    if attempt is None or (attempt.outcome is not None and isinstance(outcome, Unknown)):
        return
    error: str | None = None
    if isinstance(outcome, Unknown):
        ended, error = AttemptOutcome.UNKNOWN, outcome.reason
    elif isinstance(outcome.value, Accepted):
        ended = AttemptOutcome.ACCEPTED
        attempt.provider_message_id = outcome.value.message_id
    elif isinstance(outcome.value, Refused):
        ended, error = AttemptOutcome.REFUSED, outcome.value.code
    else:
        ended = AttemptOutcome.UNREACHED
        error = outcome.value.reason if isinstance(outcome.value, Unreached) else None
    attempt.outcome, attempt.error, attempt.ended_at = ended, error, wall_now()


async def _judge_account(session: AsyncSession, task: Task, outcome: _Outcome) -> None:
    account = task.gateway.account
    if isinstance(outcome, Unknown):
        await account_failed(session, account, reason="no_answer", wall=wall_now())
    elif isinstance(outcome.value, Unreached):
        await account_failed(session, account, reason="unreached", wall=wall_now())
    elif isinstance(outcome.value, Refused) and outcome.value.kind in _PAUSES:
        await account_failed(
            session,
            account,
            reason=outcome.value.code,
            wall=wall_now(),
            pause=_PAUSES[outcome.value.kind],
        )
    else:
        await account_answered(session, account)


async def _refused(
    session: AsyncSession,
    message: SmsMessage,
    attempts: Sequence[SmsAttempt],
    task: Task,
    refused: Refused,
) -> None:
    if refused.kind is RefusalKind.FINAL:
        message.change_status(SmsStatus.FAILED)
        message.failure = refused.code
        return
    if refused.kind is RefusalKind.NUMBER:
        await hold(session, message, Held(refused.code, NUMBER_PAUSE), wall=wall_now())
        message.round += 1
        return
    if refused.kind is RefusalKind.TEMPLATE:
        await raise_alert(
            session,
            NOT_APPROVED,
            task.kind.code,
            reason=refused.code,
            account=task.gateway.account,
        )
    message.failure = refused.code
    await _next(session, message, attempts, task, seconds=60, most=3600)


async def _next(
    session: AsyncSession,
    message: SmsMessage,
    attempts: Sequence[SmsAttempt],
    task: Task,
    *,
    seconds: int,
    most: int,
) -> None:
    """To the next account at once; when all were tried in this round, to a round after a pause."""
    message.change_status(SmsStatus.QUEUED)
    tried = {one.account for one in attempts if one.round == message.round}
    after = timedelta()
    if tried.issuperset(task.accounts):
        after = back_off(seconds, message.round, most=most)
        message.round += 1
    await wake(session, message, after=after, wall=wall_now())


async def _record_enquiry(
    session: AsyncSession,
    message: SmsMessage,
    attempts: Sequence[SmsAttempt],
    task: Task,
    outcome: _Outcome,
) -> None:
    if message.attempts != task.attempt or message.status != SmsStatus.UNKNOWN:
        return
    last = attempts[-1] if attempts else None
    if isinstance(outcome, Unknown):
        message.enquiries += 1
        if message.enquiries < ENQUIRIES:
            await wake(session, message, after=SETTLE * 2**message.enquiries, wall=wall_now())
        elif task.kind.is_code:
            message.change_status(SmsStatus.FAILED)
            message.failure = "outcome_unknown"
        else:
            message.duplicate_possible = True
            if last is not None and last.outcome is None:
                last.outcome, last.ended_at = AttemptOutcome.UNKNOWN, wall_now()
            await _again(session, message, attempts, task)
        return
    if isinstance(outcome.value, Found):
        _settle(message, last, outcome.value)
        return
    if last is not None:
        last.outcome, last.ended_at = AttemptOutcome.NOT_FOUND, last.ended_at or wall_now()
    if task.kind.is_code and await repository.has_newer(session, message):
        message.change_status(SmsStatus.FAILED)
        message.failure = "superseded"
        return
    message.failure = "not_found"
    await _again(session, message, attempts, task)


async def _again(
    session: AsyncSession, message: SmsMessage, attempts: Sequence[SmsAttempt], task: Task
) -> None:
    if wall_now() >= message.send_before_at:
        message.change_status(SmsStatus.EXPIRED)
    else:
        await _next(session, message, attempts, task, seconds=0, most=0)


def _settle(message: SmsMessage, last: SmsAttempt | None, found: Found) -> None:
    message.failure = None
    if last is not None:
        last.outcome, last.ended_at = AttemptOutcome.ACCEPTED, last.ended_at or wall_now()
    if found.fate is Fate.FAILED:
        message.change_status(SmsStatus.FAILED)
        message.failure = found.error or "unknown"
    else:
        received = found.fate is Fate.RECEIVED
        message.change_status(SmsStatus.DELIVERED if received else SmsStatus.ACCEPTED)
