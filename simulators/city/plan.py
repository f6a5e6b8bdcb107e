"""What the city consists of, drawn from a seed: stations, blocks, households, their orders."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from app.core.clock import OPERATOR_ZONE, local_date, local_instant
from app.orders.rules import Pattern, bottles_between
from simulators.city import names

BLOCKS_PER_STATION = 20
HISTORY_DAYS = 30
OPENED = datetime(2025, 1, 1, tzinfo=UTC)
"""Since when all of it is there."""
SOURCES = (
    ("mini_program", 30), ("app", 10), ("web", 5), ("phone", 25), ("door", 30),
)  # fmt: skip
CYCLES = (90, 120, 180)
DEPOSITS_SINCE = timedelta(days=45)
"""Before today, deposits began to be asked."""
SEASON_SINCE = timedelta(days=14)
"""Before today, the season card began."""
OVER_ONE_IN = 40
OVER_DAYS = 21
SETTLED_AFTER = timedelta(days=3)
BOX_WAITS = timedelta(days=3)
"""Orders that began in the last days still wait for their box."""


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
    is_over: bool
    """Brought to its end within the history; the others run."""
    waits_for_box: bool
    asks_deposits: bool
    """Placed since deposits are asked."""
    has_season_card: bool

    @property
    def code(self) -> str:
        """The product's."""
        return names.PRODUCTS[self.product][0]

    @property
    def luck(self) -> int:
        """A number of its own, the same in every run of a seed."""
        return self.customer_id.int >> 16 & 0xFFFF

    @property
    def has_box(self) -> bool:
        """Whether a box hangs at its door or is to be hung up there."""
        return self.asks_deposits and self.code in names.BOX_PRODUCTS

    @property
    def box_fen(self) -> int:
        """Deposit of its box."""
        return names.BOX_DEPOSIT_FEN if self.has_box else 0

    @property
    def bottles_fen(self) -> int:
        """Deposit of the bottles of one delivery."""
        if not self.asks_deposits:
            return 0
        at_once = self.pattern.quantity or max(self.pattern.weekday_quantities or (0,))
        return at_once * names.BOTTLE_DEPOSITS_FEN.get(self.code, 0)

    @property
    def deposit_fen(self) -> int:
        """Paid beside the price."""
        return self.box_fen + self.bottles_fen

    @property
    def full_fen(self) -> int:
        """List price of its bottles."""
        return int(names.PRODUCTS[self.product][4]) * self.bottles

    @property
    def discount_fen(self) -> int:
        """What the season card takes from it."""
        return self.full_fen * names.SEASON_OFF_PERMILLE // 1000 if self.has_season_card else 0

    @property
    def price_fen(self) -> int:
        """What was paid for the milk."""
        return self.full_fen - self.discount_fen

    @property
    def due_fen(self) -> int:
        """What was paid at once: price and deposits."""
        return self.price_fen + self.deposit_fen

    @property
    def ended_at(self) -> datetime:
        """When an order that is over was called complete."""
        return local_instant(
            self.start_date + timedelta(days=self.cycle_days) + SETTLED_AFTER, time(2)
        )


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
    season_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        """Draw the city."""
        self._random = random.Random(self.seed)
        self._further = random.Random(f"terms of {self.seed}")
        self.season_id = self.further_uuid()
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
        return self._uuid(self._random)

    def further_uuid(self) -> UUID:
        """Another one, which leaves the draws of homes as they are."""
        return self._uuid(self._further)

    @staticmethod
    def _uuid(draw: random.Random) -> UUID:
        raw = bytearray(draw.randbytes(16))
        raw[0:6] = (1_760_000_000_000 + draw.randrange(10**9)).to_bytes(6, "big")
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
        customer_id = self.uuid()
        made = HouseholdPlan(
            customer_id=customer_id,
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
            bottles=0,
            is_over=False,
            waits_for_box=False,
            asks_deposits=False,
            has_season_card=False,
        )
        return self._settled(made, number)

    def _settled(self, home: HouseholdPlan, number: int) -> HouseholdPlan:
        """What follows from the draws: is it over, does it wait, what was asked of it."""
        has_terms = home.code in names.BOX_PRODUCTS or home.code in names.BOTTLE_DEPOSITS_FEN
        if number > 0 and has_terms and home.luck % OVER_ONE_IN == 0:
            start = self.today - timedelta(days=HISTORY_DAYS - home.luck // OVER_ONE_IN % 3)
            placed_at = local_instant(
                start - timedelta(days=2), home.placed_at.astimezone(OPERATOR_ZONE).time()
            )
            home = replace(
                home, is_over=True, start_date=start, placed_at=placed_at, cycle_days=OVER_DAYS
            )
        placed = local_date(home.placed_at)
        home = replace(
            home,
            asks_deposits=placed >= self.today - DEPOSITS_SINCE,
            has_season_card=placed >= self.today - SEASON_SINCE
            and home.cycle_days >= names.SEASON_DAYS,
            bottles=bottles_between(
                home.pattern, start=home.start_date, days=home.cycle_days, anchor=home.start_date
            ),
        )
        waits = home.has_box and home.start_date >= self.today - BOX_WAITS
        return replace(home, waits_for_box=waits)

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
