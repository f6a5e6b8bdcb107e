"""Fixtures of billing's tests."""

from collections.abc import Iterator

import pytest

from app.billing.events import PaymentCaptured, PaymentClosed, RefundSucceeded
from app.billing.service import notices
from app.core import events
from app.core.runtime import Runtime
from tests.factories.billing import Heard

KINDS: tuple[type[events.Event], ...] = (PaymentCaptured, PaymentClosed, RefundSucceeded)


@pytest.fixture(autouse=True)
def fresh_quota() -> None:
    """No test writes down fewer forgeries because another one sent many."""
    notices._quota = notices._Quota(notices._NOTED_PER_MINUTE)


@pytest.fixture
def heard(runtime: Runtime) -> Iterator[Heard]:
    """What billing publishes; the listener claims every capture unless told otherwise."""
    ear = Heard()
    for kind in KINDS:
        events.subscribe(kind, ear.note)
    yield ear
    for kind in KINDS:
        events._handlers[kind].remove(ear.note)
