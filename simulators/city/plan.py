"""What the city consists of, drawn from a seed: stations, blocks, households, their orders."""

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from app.core.clock import local_instant
from app.orders.rules import Pattern, bottles_between
from simulators.city import names

BLOCKS_PER_STATION = 20
HISTORY_DAYS = 30
SOURCES = (
    ("mini_program", 30), ("app", 10), ("web", 5), ("phone", 25), ("door", 30),
)  # fmt: skip
CYCLES = (90, 120, 180)


@dataclass(frozen=True)
class BlockPlan:
    """A block with its compound and its piece of a street."""

    block_id: UUID
    deliverer_id: UUID
    station: int
    number: int
    compound: str
    street: str
    house_from: int


@dataclass(frozen=True)
class StationPlan:
    """A station with its store, van and thermometers."""

    station_id: UUID
    store_id: UUID
    vehicle_id: UUID
    store_device_id: UUID
    van_device_id: UUID
    district: str


@dataclass(frozen=True)
class HouseholdPlan:
    """A household with one running order of one line."""

    customer_id: UUID
    address_id: UUID
    version_id: UUID
    order_id: UUID
    line_id: UUID
    payment_id: UUID
    block: int
    stop_no: int
    name: str
    phone: str
    street: str
    compound: str
    house_no: int
    door: str
    product: int
    pattern: Pattern
    cycle_days: int
    start_date: date
    placed_at: datetime
    source: str
    bottles: int


@dataclass
class CityPlan:
    """Everything, before it is written."""

    seed: int
    today: date
    households: int
    districts: int = len(names.STREETS)
    first_household: int = 0
    """Number of the first household; others live in the same blocks and have other phones."""
    stations: list[StationPlan] = field(default_factory=list)
    blocks: list[BlockPlan] = field(default_factory=list)
    products: list[UUID] = field(default_factory=list)
    homes: list[HouseholdPlan] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draw the city."""
        self._random = random.Random(self.seed)
        self.products = [self.uuid() for _ in names.PRODUCTS]
        for district in list(names.STREETS)[: self.districts]:
            self.stations.append(
                StationPlan(
                    self.uuid(), self.uuid(), self.uuid(), self.uuid(), self.uuid(), district
                )
            )
        compounds = [head + tail for tail in names.COMPOUND_TAILS for head in names.COMPOUND_HEADS]
        self._random.shuffle(compounds)
        for number in range(len(self.stations) * BLOCKS_PER_STATION):
            station, within = divmod(number, BLOCKS_PER_STATION)
            streets = names.STREETS[self.stations[station].district]
            self.blocks.append(
                BlockPlan(
                    block_id=self.uuid(),
                    deliverer_id=self.uuid(),
                    station=station,
                    number=within + 1,
                    compound=compounds[number],
                    street=streets[within % len(streets)],
                    house_from=1 + 200 * (within // len(streets)),
                )
            )
        for number in range(self.households):
            self.homes.append(self._home(self.first_household + number))

    def uuid(self) -> UUID:
        """A UUIDv7-shaped id of the seed."""
        raw = bytearray(self._random.randbytes(16))
        raw[0:6] = (1_760_000_000_000 + self._random.randrange(10**9)).to_bytes(6, "big")
        raw[6] = 0x70 | raw[6] & 0x0F
        raw[8] = 0x80 | raw[8] & 0x3F
        return UUID(bytes=bytes(raw))

    def _home(self, number: int) -> HouseholdPlan:
        draw = self._random
        block_index = number % len(self.blocks)
        block = self.blocks[block_index]
        in_compound = draw.random() < 0.6
        house_no = (
            draw.randint(1, 60) if in_compound else block.house_from + 2 * draw.randint(0, 99)
        )
        pattern = self._pattern()
        start = self.today - timedelta(days=draw.choice((*range(1, 88), 1, 2, 3)))
        cycle = draw.choice(CYCLES)
        source = draw.choices([name for name, _ in SOURCES], [weight for _, weight in SOURCES])[0]
        return HouseholdPlan(
            customer_id=self.uuid(),
            address_id=self.uuid(),
            version_id=self.uuid(),
            order_id=self.uuid(),
            line_id=self.uuid(),
            payment_id=self.uuid(),
            block=block_index,
            stop_no=number // len(self.blocks) + 1,
            name=draw.choice(names.SURNAMES) + "".join(draw.sample(names.GIVEN, 2)),
            phone=f"1{'3578'[number % 4]}{(number * 10_007 + self.seed) % 10**9:09d}",
            street=block.street,
            compound=block.compound if in_compound else "",
            house_no=house_no,
            door=f"{draw.randint(1, 6)}0{draw.randint(1, 4)}室",
            product=draw.choices(range(len(self.products)), (50, 15, 20, 10, 5))[0],
            pattern=pattern,
            cycle_days=cycle,
            start_date=start,
            placed_at=local_instant(start - timedelta(days=2), _daytime(draw)),
            source=source,
            bottles=bottles_between(pattern, start=start, days=cycle, anchor=start),
        )

    def _pattern(self) -> Pattern:
        draw = self._random
        kind = draw.random()
        quantity = draw.choice((1, 1, 1, 2))
        if kind < 0.5:
            return Pattern.every(1, quantity)
        if kind < 0.8:
            return Pattern.every(2, quantity)
        return Pattern.weekly([quantity] * 5 + [0, 0])


def _daytime(draw: random.Random) -> time:
    return time(draw.randint(8, 20), draw.randint(0, 59), draw.randint(0, 59))
