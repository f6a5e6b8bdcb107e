"""The SMS stage."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.core.runtime import Runtime, set_runtime
from simulators.channels.credentials import ChannelCredentials, generate_credentials
from tests.factories.notifications import Stage, environment, make_stage


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
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    set_runtime(replace(runtime, http=made.http))
    yield made
    await made.simulator.aclose()
    await made.http.aclose()


@pytest.fixture
async def pair(
    runtime: Runtime, credentials: ChannelCredentials, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """The same with a second account."""
    made = await make_stage(runtime, credentials, backup=True)
    for name, value in environment(backup=True).items():
        monkeypatch.setenv(name, value)
    set_runtime(replace(runtime, http=made.http))
    yield made
    await made.simulator.aclose()
    await made.http.aclose()
