"""What happens on a morning, drawn from seed, date and door: pure, and the same every time."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from app.core.clock import local_instant

BEGINS, COLLECTS, STARTS, COMPLAINS, ENDS = (
    time(3, 30),
    time(3, 57),
    time(4, 0),
    time(7, 2),
    time(7, 30),
)
NETWORK_AGAIN = time(6, 10)
"""When the phones in a stairwell find the network."""
LATE_NETWORK = time(7, 5)
"""When phones find it on a morning with the fault `phones-offline`."""
SYNC_EVERY = timedelta(minutes=10)
REASONS = ("customer_absent", "locked_gate", "no_box", "refused_by_customer")


def draw(*parts: object) -> random.Random:
    """Chance that is the same for the same parts."""
    return random.Random(_digest(*parts))


def made_id(*parts: object) -> UUID:
    """A UUIDv7-shaped id that is the same for the same parts, as a phone would have made it."""
    raw = bytearray(_digest(*parts)[:16])
    raw[0:6] = (1_760_000_000_000 + int.from_bytes(raw[0:4], "big")).to_bytes(6, "big")
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return UUID(bytes=bytes(raw))


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("|".join(map(str, parts)).encode()).digest()


@dataclass(frozen=True, slots=True)
class Tap:
    """What a deliverer taps at one door, and when."""

    stop: str
    at: datetime
    outcome: str = "delivered"
    reason: str | None = None
    celsius: float | None = None
    short: tuple[str, int, int] | None = None
    """Line, delivery number and bottles of what was short."""
    note: float | None = None
    """°C of the milk, measured on its own."""
    done: bool = False
    """The door was confirmed before we came."""

    def events(self, seed: int, on: date) -> list[dict[str, Any]]:
        """As the phone sends it."""
        if self.done:
            return []
        about = {
            "stop": self.stop,
            "service_date": on.isoformat(),
            "device_at": self.at.isoformat(),
        }
        event: dict[str, Any] = {
            "event_id": str(made_id(seed, on, self.stop, "done")),
            "kind": "stop_done",
            "outcome": self.outcome,
            **about,
        }
        if self.reason is not None:
            event["reason"] = self.reason
        if self.celsius is not None:
            event["celsius"] = self.celsius
        if self.short is not None:
            line, number, brought = self.short
            event["deliveries"] = [
                {"line": line, "delivery_no": number, "delivered_quantity": brought}
            ]
        if self.note is None:
            return [event]
        note_id = str(made_id(seed, on, self.stop, "note"))
        noted = {"event_id": note_id, "kind": "temperature_note", "celsius": self.note}
        return [event, {**noted, **about}]


def write_round(
    seed: int, on: date, block: str, stops: Sequence[dict[str, Any]], *, not_before: datetime
) -> list[Tap]:
    """The taps of a round in stop order, from four o'clock on; one round in twenty starts late."""
    luck = draw(seed, on, block)
    at = max(
        local_instant(on, STARTS) + timedelta(seconds=luck.randint(0, 900)),
        not_before,
    )
    if luck.randrange(20) == 0:
        at += timedelta(minutes=luck.randint(60, 100))
    taps = []
    for stop in stops:
        taps.append(_tap(seed, on, stop, at))
        at += timedelta(seconds=draw(seed, on, stop["stop"], "pace").randint(40, 110))
    return taps


def _tap(seed: int, on: date, stop: dict[str, Any], at: datetime) -> Tap:
    luck = draw(seed, on, stop["stop"])
    kind = luck.randrange(1000)
    due = stop["deliveries"]
    bottles = sum(one["quantity"] for one in due)
    said: dict[str, Any] = {"done": all(one["status"] != "planned" for one in due)}
    if luck.randrange(4) == 0:
        said["celsius"] = round(luck.uniform(2.5, 5.8), 1)
    if kind < 6:
        said |= {"outcome": "not_delivered", "reason": luck.choice(REASONS), "celsius": None}
    elif kind < 8:
        said |= {"outcome": "not_delivered", "reason": "milk_damaged", "celsius": None}
    elif kind < 20 and bottles > 1:
        first = max(due, key=lambda one: one["quantity"])
        said["reason"] = "milk_short"
        said["short"] = (first["line_id"], first["delivery_no"], first["quantity"] - 1)
    elif kind < 40:
        said["note"] = round(luck.uniform(2.5, 6.4), 1)
    return Tap(stop["stop"], at, **said)


def network_at(seed: int, on: date, login: str, *, phones_offline: bool) -> datetime | None:
    """Until when a phone has no network; None when it has one all morning."""
    luck = draw(seed, on, login, "network")
    if phones_offline and luck.randrange(2) == 0:
        return local_instant(on, LATE_NETWORK) + timedelta(seconds=luck.randint(0, 600))
    if luck.randrange(12) == 0:
        return local_instant(on, NETWORK_AGAIN) + timedelta(seconds=luck.randint(0, 240))
    return None
