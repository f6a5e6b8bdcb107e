"""An outside call in three steps: written down, asked without a connection held, recorded."""

import asyncio

import httpx
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.outbound import Answered, OutcomeUnknown, Unknown, call_outside
from tests.fixtures.foundation import effects


class Refund:
    """One refund at a channel, as a gateway's caller would write it."""

    def __init__(self, database: Database, fails: BaseException | None = None) -> None:
        self.database = database
        self.fails = fails
        self.held = -1
        self.seen_by_others = -1
        self.recorded: list[Answered[str] | Unknown] = []

    async def prepare(self, session: AsyncSession) -> str | None:
        await session.execute(text("INSERT INTO probe (name) VALUES ('attempt')"))
        return "r1"

    async def call(self, number: str) -> str:
        self.held = self.database.engine.pool.checkedout()  # type: ignore[attr-defined]  # queue pool
        self.seen_by_others = await effects(self.database, "attempt")
        if self.fails is not None:
            raise self.fails
        return f"{number} done"

    async def record(
        self, session: AsyncSession, number: str, outcome: Answered[str] | Unknown
    ) -> str:
        await session.execute(text("INSERT INTO probe (name) VALUES ('recorded')"))
        self.recorded.append(outcome)
        return number

    async def run(self) -> str | None:
        return await call_outside(
            self.database, prepare=self.prepare, call=self.call, record=self.record
        )


async def test_the_attempt_is_committed_and_no_connection_held_during_the_call(
    real: Database,
) -> None:
    refund = Refund(real)
    assert await refund.run() == "r1"
    assert (refund.held, refund.seen_by_others) == (0, 1)
    assert refund.recorded == [Answered("r1 done")]
    assert await effects(real, "recorded") == 1


@pytest.mark.parametrize(
    "fails",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("no answer"),
        httpx.RemoteProtocolError("half an answer"),
        TimeoutError(),
        OutcomeUnknown("signature does not fit"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_definite_answer_is_unknown_and_not_guessed(
    real: Database, fails: BaseException
) -> None:
    refund = Refund(real, fails)
    with structlog.testing.capture_logs() as logs:
        assert await refund.run() == "r1"
    (outcome,) = refund.recorded
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith(type(fails).__name__)
    assert [line["event"] for line in logs] == ["outbound.unknown"]


async def test_the_reason_says_nothing_about_people(real: Database) -> None:
    request = httpx.Request("GET", "https://sms.example/?PhoneNumbers=13812345678&Sign=abc")
    wrong = httpx.HTTPStatusError(
        f"Server error for url '{request.url}'", request=request, response=httpx.Response(500)
    )
    refund = Refund(real, wrong)
    await refund.run()
    (outcome,) = refund.recorded
    assert isinstance(outcome, Unknown)
    assert outcome.reason == "HTTPStatusError: Server error for url 'https://sms.example/?[query]'"


async def test_with_nothing_to_do_nothing_is_called(real: Database) -> None:
    class Done(Refund):
        async def prepare(self, session: AsyncSession) -> str | None:
            await super().prepare(session)
            return None

    refund = Done(real)
    assert await refund.run() is None
    assert (refund.held, refund.recorded) == (-1, [])


@pytest.mark.parametrize("fails", [ZeroDivisionError(), asyncio.CancelledError()])
async def test_a_bug_or_a_cancel_leaves_the_attempt_for_the_sweeper(
    real: Database, fails: BaseException
) -> None:
    refund = Refund(real, fails)
    with pytest.raises(type(fails)):
        await refund.run()
    assert await effects(real, "attempt") == 1
    assert (await effects(real, "recorded"), refund.recorded) == (0, [])
