"""How one simulator is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from simulators.channels.credentials import ChannelCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """Settings of a channel simulator; without `var` everything lives in memory.

    `time_scale` divides every delay of the channels (retry schedules, refund and receipt delays,
    the minute between two refunds): at 60 the first retry after 15 s comes after 0.25 s. Times of
    day and signature time stamps are never scaled.
    """

    var: Path | None = None
    """Folder whose `demo/` holds keys and the order file."""
    base_url: str = "http://127.0.0.1:8001"
    """Address under which the product reaches the simulator; bill download links start with it."""
    credentials: ChannelCredentials | None = None
    """Ready accounts; otherwise loaded from `var`, or generated."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """SMS texts by template code, variables written `${name}`."""
    receipt_url: str | None = None
    """Where SMS delivery receipts are posted; None sends none."""
    reply_url: str | None = None
    """Where texts from phones are posted; None sends none."""
    transport: httpx.AsyncBaseTransport | None = None
    """How notifications and receipts are posted; None is the real network."""
    time_scale: float = 1.0
    refund_seconds: float = 10.0
    """From the acceptance of a refund to its end, before scaling."""
    receipt_seconds: float = 3.0
    """From the acceptance of an SMS to its delivery, before scaling."""
    signtest_every: int = 20
    """One in so many notifications is preceded by a signature probe; 0 sends none."""
    sms_limits: bool = True
    """Whether the limits per phone number hold; switched off for load runs."""
    demo_shop: bool = False
    """Whether buyers have been in the Taobao shop already."""
    stall_seconds: float = 60.0
    """How long a stalled answer keeps its connection open, in real seconds."""
