"""The dairy as plain Python sees it: what every action should leave behind, and what is refused.

Each action answers the code of the refusal expected of the product, or None.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from uuid import UUID

from tests.model import gifts
from tests.model.books import GRACE, Books, take, worth_of
from tests.model.days import (
    DAY,
    Calendar,
    cutoff_of,
    day_of,
    gaps,
    is_over,
    lay,
    left_from,
    midnight,
)
from tests.model.things import Brought, Done, Home, Money, Order, Ticket

OURS = frozenset({"milk_damaged", "milk_short", "vehicle_late"})
MILK_FEN = 350
TIME_TO_PAY = timedelta(minutes=30)
SETTLED = 3
"""Days after its last one on which an order is called complete."""


class Dairy(Books):
    """All of it, and the business clock."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.orders: list[Order] = []
        self.deliveries: list[Brought] = []
        self.tickets: list[Ticket] = []
        self.shut: set[date] = set()
        """Days the operator withdrew."""
        self.planned_until = day_of(now)
        """The last day whose cut-off has been worked on."""
        self.set_aside: set[tuple[UUID, date]] = set()

    @property
    def today(self) -> date:
        """The service date of now."""
        return day_of(self.now)

    def first_open(self, wished: date | None = None) -> date:
        """The first day a change can take effect on."""
        day = self.today
        while is_over(day, self.now) or day in self.shut or (wished is not None and day < wished):
            day += DAY
        return day

    # Ordering and paying

    def capture(self, order: Order, money: Money) -> None:
        """The channel's word about a payment has come."""
        if money.state == "captured" or not money.paid:
            return
        money.state = "captured"
        self.book("channel", "prepaid", order.price)
        if order.status != "pending_payment":
            self.book("prepaid", "suspense", order.price)
            self.give_back(order, order.price, "surplus", source="suspense")
            return
        order.status, order.paid_on = "under_review", self.today
        if order.home.verdict == "covered" or order.before is not None:
            self.confirm(order)
        elif order.home.verdict == "uncovered":
            self.reject(order)

    def hear(self) -> None:
        """Every word on its way arrives."""
        for change in self.dearer:
            for money in change.payments:
                self.capture_dearer(change, money)
        for order in self.orders:
            for money in order.payments:
                self.capture(order, money)

    def confirm(self, order: Order) -> None:
        """It is brought from the day wished for, or the first one still possible."""
        order.status = "delivering"
        order.begun = self.first_open(self.start_after(order))
        order.home.served = order.home.served or self.first_open()
        order.worth = worth_of(order.bottles, order.price)
        order.days = lay(
            order.course, start=order.begun, bottles=order.bottles, shut=self.shut, now=self.now
        )
        gifts.promise(order)
        if order.before is not None:
            self.follow(order.before)

    def renewals(self, order: Order) -> list[Order]:
        """The orders that renew another, those that came to nothing too."""
        return [one for one in self.orders if one.before is order]

    def start_after(self, order: Order) -> date:
        """The day it is wished for: a renewal's is the one after the last day before it."""
        days = order.before.days if order.before is not None else {}
        return max(days) + DAY if days else order.wished

    def follow(self, order: Order) -> None:
        """Renewals that have not begun begin where the order before them ends, or wait as it does."""
        for after in self.renewals(order):
            if after.status != "delivering" or any(last is None for _, last, _ in after.spells):
                continue
            earliest = self.first_open()
            if after.days and min(after.days) < earliest:
                continue
            stood, bottles = after.standing(), sum(after.days.values()) + after.waiting
            start = max(earliest, self.start_after(after))
            since = min(start, *after.days) if after.days else start
            if order.waiting:
                after.days, after.asked, after.waiting = {}, {}, bottles
            else:
                after.waiting = 0
                self.lay_again(after, {}, start, bottles, {*self.shut, *after.unwanted()})
            if after.standing() != stood:
                gifts.follow(after, since)
                self.follow(after)

    def reject(self, order: Order) -> None:
        """Nobody goes there: the money goes back."""
        order.status = "rejected"
        self.give_back(order, order.price, "order_rejected")

    def take_at_door(self, order: Order) -> None:
        """An order at the door is paid and confirmed at once."""
        self.book(order.door or "", "prepaid", order.price)
        self.orders.append(order)
        order.paid_on = self.today
        self.confirm(order)

    def served_from(self, order: Order) -> date:
        """From when on somebody goes to an order's door."""
        always = order.home.name == "covered"
        return date.min if always else order.home.served or date.max

    # Changes

    def cancel(self, order: Order) -> str | None:
        """The customer ends an order."""
        if order.status in {"pending_payment", "under_review"}:
            paid = order.status == "under_review"
            order.status = "cancelled"
            self.hear_of(order)
            if paid:
                self.give_back(order, order.price, "order_cancelled")
            return None
        if order.status != "delivering" or order.begun is None:
            return "order_finished" if order.over else "order_not_changeable"
        self._cancel(order)
        return None

    def hear_of(self, order: Order) -> None:
        """The channel is asked about an order's open payments; unpaid ones are closed."""
        for money in order.payments:
            self.capture(order, money)
            if money.state == "pending":
                money.state = "closed"

    def relay(self, order: Order, start: date, bottles: int, shut: set[date]) -> None:
        """What is before `start` stays; the bottles come from there on, earlier gaps are kept."""
        kept = {day: count for day, count in order.days.items() if day < start}
        avoided = {*shut, *self.shut, *gaps(order.days, order.course, start=start)}
        self.lay_again(order, kept, start, bottles, avoided | order.unwanted())

    def lay_again(
        self, order: Order, kept: Calendar, start: date, bottles: int, avoided: set[date]
    ) -> None:
        """Lay bottles out after what is kept; days asked for stay where they can."""
        order.days = kept | lay(
            order.course,
            start=start,
            bottles=bottles,
            shut=avoided,
            now=self.now,
            asked=order.asked,
        )
        order.asked = {day: order.days[day] for day in order.asked if day in order.days}

    def spare(self, order: Order) -> int:
        """Bottles a line is entitled to and has not had."""
        return len(order.worth) - sum(
            (one.due if one.no == 0 else 0) - min(one.restored, one.due - one.brought)
            for one in self.deliveries
            if one.order is order and one.status != "cancelled"
        )

    def give_up(self, order: Order, bottles: int) -> int:
        """Take bottles from the back; answers their fen."""
        fen = take(order.worth, bottles)
        order.gone = (order.gone[0] + bottles, order.gone[1] + fen)
        return fen

    def _correct(self, order: Order) -> None:
        """What was given up and brought all the same is the line's again, at our cost."""
        stands, value = order.corrected
        wanted = max(0, stands - self.spare(order))
        if wanted > stands:
            bottles = wanted - stands
            fen = order.gone[1] * bottles // order.gone[0]
            order.worth += worth_of(bottles, fen)
        elif wanted < stands:
            bottles = wanted - stands
            fen = value * wanted // stands - value
            take(order.worth, -bottles)
        else:
            return
        order.gone = (order.gone[0] - bottles, order.gone[1] - fen)
        order.corrected = (wanted, value + fen)
        self.book("compensation", "prepaid", fen)

    def _cancel(self, order: Order) -> None:
        first = self.first_open()
        left = left_from(order.days, first) + order.waiting
        order.given_up = max(0, min(left, len(order.worth), self.spare(order)))
        order.days = {day: count for day, count in order.days.items() if day < first}
        order.waiting = 0
        order.status = "cancelled"
        rest = self.give_up(order, order.given_up)
        if order.given_up and self.in_time(order):
            kept = sum(order.worth)
            order.worth = [0] * len(order.worth)
            order.gone = (order.gone[0], order.gone[1] + kept)
            rest += kept
        self.hear_of(order)
        self.give_back(order, rest, "order_cancelled")
        self.follow(order)

    def in_time(self, order: Order) -> bool:
        """Whether everything goes back: a week from paying, for a household new to the product."""
        earlier = self.orders[: self.orders.index(order)]
        known = any(
            one.begun is not None and one.home.customer_id == order.home.customer_id
            for one in earlier
        )
        return not known and order.paid_on is not None and self.today <= order.paid_on + DAY * 7

    def withdraw(self, day: date) -> None:
        """The operator takes an open day out: lines roll on, make-ups go with the next day."""
        self.shut.add(day)
        taken = [one for one in self.orders if one.status == "delivering" and day in one.days]
        for order in taken:
            before = order.standing()
            self.relay(order, day, left_from(order.days, day), {day})
            order.changes.append(Done("", "day_withdrawn", day, before, order.standing()))
        for order in taken:
            self.follow(order)
        for made in [one for one in self.deliveries if one.day == day and one.status == "planned"]:
            made.status = "cancelled"
            self.add_make_up(made.order, self.first_open(day), made.due)

    # The morning

    def freeze_and_plan(self) -> None:
        """Every day whose cut-off has passed gets its plan."""
        while is_over(self.planned_until + DAY, self.now):
            self.planned_until += DAY
            day = self.planned_until
            for order in self.orders:
                if day in self.shut or order.status != "delivering" or day not in order.days:
                    continue
                if self._used(order, day) + order.days[day] > order.bottles:
                    self.set_aside.add((order.line_id, day))
                else:
                    self.deliveries.append(Brought(order, day, 0, order.days[day]))
                    for gift in gifts.coming(order, day):
                        self.add_make_up(order, day, gift.bottles)
                        gift.came = day

    def _used(self, order: Order, day: date) -> int:
        """Bottles of a line planned or brought, less what was given back and not brought."""
        called = sum(count for at, count in order.days.items() if at < day)
        if called + order.days[day] <= order.bottles:
            return called
        return sum(
            (one.due if one.no == 0 else 0) - min(one.restored, one.due - one.brought)
            for one in self.deliveries
            if one.order is order and one.status != "cancelled" and one.day != day
        )

    def at_door(self, home: Home, day: date) -> list[Brought]:
        """The deliveries of a stop, in the order of their lines."""
        return sorted(
            (
                one
                for one in self.deliveries
                if one.order.door_on(one.day) is home
                and one.day == day
                and one.status != "cancelled"
            ),
            key=lambda one: (one.order.line_id, one.no),
        )

    def stops(self) -> list[tuple[Home, date]]:
        """Doors and days a phone may speak of."""
        found = {
            (one.order.door_on(one.day).name, one.day): (one.order.door_on(one.day), one.day)
            for one in self.deliveries
            if one.status != "cancelled" and one.day <= self.today + DAY
        }
        return [found[key] for key in sorted(found)]

    def tap(
        self,
        home: Home,
        day: date,
        *,
        counts: list[int],
        reason: str | None,
        at: datetime,
        by: UUID,
    ) -> str | None:
        """A deliverer says what he left at a door; the latest tap counts."""
        if self.now - at > timedelta(days=14):
            return "too_old"
        if at < midnight(day):
            return "not_due_yet"
        changed = []
        for one, count in zip(self.at_door(home, day), counts, strict=True):
            if one.said is None or one.said < (at, by):
                one.said = (at, by)
                one.brought = count
                full = count == one.due
                one.status = "delivered" if full else "short" if count else "failed"
                one.owed = one.due - count if reason in OURS and not full else 0
                changed.append(one)
        self._settle(changed)
        return None

    def _settle(self, changed: list[Brought]) -> None:
        """Bottles that our fault kept back come at the end of their lines, once."""
        owed: defaultdict[UUID, int] = defaultdict(int)
        orders: dict[UUID, Order] = {}
        for one in changed:
            if one.owed > one.restored and one.order.status == "delivering":
                owed[one.order.line_id] += one.owed - one.restored
                orders[one.order.line_id] = one.order
                one.restored = one.owed
        for line_id, order in orders.items():
            if order.waiting:
                order.waiting += owed[line_id]
                continue
            start = self.first_open() + DAY
            self.relay(order, start, left_from(order.days, start) + owed[line_id], set())
        for order in orders.values():
            self.follow(order)
        for order in {one.order.line_id: one.order for one in changed if one.restored}.values():
            self._correct(order)

    def add_make_up(self, order: Order, day: date, bottles: int) -> None:
        """Bottles once more, free of charge."""
        known = [one.no for one in self.deliveries if one.order is order and one.day == day]
        self.deliveries.append(Brought(order, day, max(known, default=0) + 1, bottles))

    # Time

    def pass_time(self, now: datetime) -> None:
        """The worker's rounds after a while: plan, ask the channel, expire, complete, watch."""
        self.now = now
        self.freeze_and_plan()
        self.end_dearer()
        for order in self.orders:
            late = order.placed_at + TIME_TO_PAY <= now
            for money in order.payments:
                self.capture(order, money)
                if money.state == "pending" and late:
                    money.state = "closed"
        for order in self.orders:
            if order.status == "pending_payment" and order.placed_at + TIME_TO_PAY + GRACE < now:
                order.status = "expired"
                self.hear_of(order)
            ended = self.today - DAY * (SETTLED + 1)
            over = order.days and max(order.days) <= ended and not order.waiting
            if order.status == "delivering" and over:
                order.status = "completed"
        for ticket in self.tickets:
            if ticket.status in {"open", "answered"} and ticket.due_at < now:
                ticket.breached = True

    def next_cutoff(self) -> datetime:
        """When the next day is frozen."""
        return cutoff_of(self.planned_until + DAY)
