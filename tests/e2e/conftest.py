"""The whole product with its channels joined to it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.core.runtime import Runtime, set_runtime
from app.notifications.service import BREAKER
from tests.factories.notifications import SETTINGS, Stage, make_stage
from tests.fixtures.payments import Payments, demo_credentials


@pytest.fixture
async def sms(
    runtime: Runtime, payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """SMS that really leave, and the outbox they arrive in; beside WeChat Pay."""
    assert payments is not None
    made = await make_stage(runtime, demo_credentials())
    for name in ("base_url", "access_key_id", "access_key_secret", "sign_name", "receipt_secret"):
        monkeypatch.setenv(f"ALIYUN_SMS_{name.upper()}", getattr(SETTINGS, name))
    set_runtime(replace(runtime, http=made.http))
    yield made
    await made.simulator.aclose()
    await made.http.aclose()
    BREAKER.succeeded()
