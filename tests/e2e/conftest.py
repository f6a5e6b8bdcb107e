"""The whole product with its channels joined to it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.core.runtime import Runtime, set_runtime
from tests.factories.notifications import Stage, environment, make_stage
from tests.fixtures.payments import Payments, demo_credentials


@pytest.fixture
async def sms(
    runtime: Runtime, payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """SMS that really leave, and the outbox they arrive in; beside WeChat Pay."""
    assert payments is not None
    made = await make_stage(runtime, demo_credentials())
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    set_runtime(replace(runtime, http=made.http))
    yield made
    await made.simulator.aclose()
    await made.http.aclose()
