"""The SMS stage."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.core.runtime import Runtime, set_runtime
from app.notifications.service import BREAKER
from simulators.channels.credentials import ChannelCredentials, generate_credentials
from tests.factories.notifications import SETTINGS, Stage, make_stage


@pytest.fixture(scope="session")
def credentials() -> ChannelCredentials:
    """Accounts of the simulator; making its keys takes a moment."""
    return generate_credentials()


@pytest.fixture
async def stage(
    runtime: Runtime, credentials: ChannelCredentials, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """The product with its SMS account set up, and the provider it reaches."""
    made = await make_stage(runtime, credentials)
    for name in ("base_url", "access_key_id", "access_key_secret", "sign_name", "receipt_secret"):
        monkeypatch.setenv(f"ALIYUN_SMS_{name.upper()}", getattr(SETTINGS, name))
    set_runtime(replace(runtime, http=made.http))
    yield made
    await made.simulator.aclose()
    await made.http.aclose()
    BREAKER.succeeded()
