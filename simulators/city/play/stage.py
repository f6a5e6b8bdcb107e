"""What all players of a morning share."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from app.core.clock import local_instant
from simulators.city.play.agenda import Agenda
from simulators.city.play.api import Api
from simulators.city.play.clock import TownClock
from simulators.city.play.script import made_id


class Fault(StrEnum):
    """What goes wrong on a morning if it is asked for."""

    SMS_DOWN = "sms-down"
    PAYMENTS_LOST = "payments-lost"
    PHONES_OFFLINE = "phones-offline"
    DELIVERER_ILL = "deliverer-ill"


@dataclass(frozen=True)
class Stage:
    """One morning: its date and seed, the product, the channels' other side, and what was done."""

    on: date
    seed: int
    api: Api
    channels: Api
    clock: TownClock
    agenda: Agenda
    faults: frozenset[Fault]
    deliverers: tuple[str, ...]
    """Logins of those who deliver."""
    say: Callable[[str], None]
    is_past: bool = False
    """Nobody was there that morning: the phones come late, and nobody telephones."""
    done: Counter[str] = field(default_factory=Counter)

    def at(self, clock_time: time) -> datetime:
        """An instant of this morning."""
        return local_instant(self.on, clock_time)

    def key(self, *parts: object) -> str:
        """The Idempotency-Key of something that happens once this morning."""
        return str(made_id(self.seed, self.on, *parts))
