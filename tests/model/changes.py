"""What every kind of change should leave behind, in plain Python; refusals by their code."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tests.model.books import worth_of
from tests.model.dairy import MILK_FEN, Dairy
from tests.model.days import DAY, Rhythm, gaps, is_over, left_from
from tests.model.gifts import follow
from tests.model.things import Done, Home, Order


@dataclass(frozen=True)
class Wish:
    """A change as a household asks for it."""

    kind: str
    first: date
    last: date | None = None
    money: bool = False
    quantity: int = 1
    rhythm: Rhythm = Rhythm()  # noqa: RUF009  # frozen, and the same for all

    def as_json(self) -> dict[str, Any]:
        """As the API takes it."""
        day = self.first.isoformat()
        settle = {"settle": "money"} if self.money else {}
        match self.kind:
            case "skip":
                return {"kind": "skip", "date": day} | settle
            case "pause":
                until = {} if self.last is None else {"until_date": self.last.isoformat()}
                return {"kind": "pause", "from_date": day} | until | settle
            case "resume":
                return {"kind": "resume", "from_date": day}
            case "one_day_quantity":
                return {"kind": self.kind, "date": day, "quantity": self.quantity}
            case "change_quantity":
                return {"kind": self.kind, "from_date": day, "quantity": self.quantity}
        return {"kind": "change_pattern", "from_date": day, "pattern": self.rhythm.as_json()}


def change(dairy: Dairy, order: Order, wish: Wish) -> str | None:
    """Do what a household asks for; the refusal's code, with everything as it was."""
    if order.status != "delivering" or order.begun is None:
        return "order_finished" if order.over else "order_not_changeable"
    if wish.kind == "change_quantity" and not 1 <= wish.quantity <= 99:
        return "quantity_out_of_range"
    if wish.first < dairy.first_open():
        return "day_frozen" if is_over(wish.first, dairy.now) else "change_too_early"
    before = order.standing()
    done = Done("", wish.kind, wish.first, before, before)
    refused = DO[wish.kind](dairy, order, wish, done)
    turned = len(order.turns) > len(before.turns) and order.waiting > 0
    if refused is None and order.days == before.days and not turned:
        refused = "nothing_to_change"
    if refused is not None:
        order.stand(before)
        return refused
    if done.bottles:
        done.credit = dairy.give_up(order, done.bottles)
        if done.credit:
            dairy.book("prepaid", "balance", done.credit)
    follow(order, wish.first)
    done.after = order.standing()
    order.changes.append(done)
    dairy.follow(order)
    return None


def _stop(dairy: Dairy, order: Order, wish: Wish, done: Done) -> str | None:
    first, last, is_pause = wish.first, wish.last, wish.kind == "pause"
    if last is not None and last < first:
        return "nothing_to_change"
    if is_pause and any(
        pauses and (end is None or first <= end) and (last is None or begin <= last)
        for begin, end, pauses in order.spells
    ):
        return "pause_overlaps"
    left = left_from(order.days, first)
    if last is None:
        if wish.money:
            return "pause_needs_end"
        order.waiting += left
        order.days = {day: count for day, count in order.days.items() if day < first}
        order.asked = {day: count for day, count in order.asked.items() if day < first}
        order.spells.append((first, None, True))
        return None
    wished = {first + DAY * step for step in range((last - first).days + 1)}
    if wish.money:
        paused = sum(count for day, count in order.days.items() if day in wished)
        done.bottles = max(
            0, min(paused, left + order.waiting, len(order.worth), dairy.spare(order))
        )
        if not sum(order.worth[len(order.worth) - done.bottles :]):
            done.bottles = 0
    dairy.relay(order, first, left - done.bottles, wished)
    order.spells.append((first, last, is_pause))
    return None


def _resume(dairy: Dairy, order: Order, wish: Wish, _: Done) -> str | None:
    first = wish.first
    kept = {day: count for day, count in order.days.items() if day < first}
    left = left_from(order.days, first) + order.waiting
    dairy.lay_again(order, kept, first, left, set(dairy.shut))
    order.waiting = 0
    order.spells = [
        (begin, first - DAY if end is None or end >= first else end, pauses)
        for begin, end, pauses in order.spells
        if begin < first
    ]
    return None


def _one_day(dairy: Dairy, order: Order, wish: Wish, _: Done) -> str | None:
    day = wish.first
    if day in dairy.shut or is_over(day, dairy.now):
        return "day_closed"
    left = left_from(order.days, day)
    if not 1 <= wish.quantity <= min(99, left):
        return "quantity_out_of_range"
    kept = {at: count for at, count in order.days.items() if at < day}
    avoided = {*dairy.shut, *gaps(order.days, order.course, start=day)}
    order.asked[day] = wish.quantity
    dairy.lay_again(order, kept, day, left, (avoided | order.unwanted()) - {day})
    return None


def _turn(dairy: Dairy, order: Order, wish: Wish, _: Done) -> str | None:
    day = wish.first
    rhythm, anchor = order.rhythm_on(day)
    if wish.kind == "change_pattern":
        wanted, since = wish.rhythm, day
    else:
        week = tuple(wish.quantity if count else 0 for count in rhythm.week)
        bottles = rhythm.bottles if rhythm.week else wish.quantity
        wanted, since = replace(rhythm, bottles=bottles, week=week), anchor
    if (wanted, since) == (rhythm, anchor):
        return "nothing_to_change"
    avoided = {*dairy.shut, *gaps(order.days, order.course, start=day)}
    order.turns = sorted([*order.turns, (day, wanted, since)], key=lambda turn: turn[0])
    kept = {at: count for at, count in order.days.items() if at < day}
    dairy.lay_again(order, kept, day, left_from(order.days, day), avoided | order.unwanted())
    return None


def move(dairy: Dairy, order: Order, there: Home, wished: date | None) -> str | None:
    """Bring an order to another covered address; its days stay as they are."""
    if order.status != "delivering" or order.begun is None:
        return "order_finished" if order.over else "order_not_changeable"
    if order.doors and order.doors[-1][0] > dairy.today:
        return "move_ahead"
    if wished is not None and wished < dairy.first_open():
        return "day_frozen" if is_over(wished, dairy.now) else "change_too_early"
    first = wished or dairy.first_open()
    while first in dairy.shut:
        first += DAY
    left = left_from(order.days, first)
    if not left and not order.waiting:
        return "nothing_to_change"
    before = order.standing()
    dairy.relay(order, first, left, set())
    follow(order, first)
    order.doors.append((first, there))
    order.changes.append(Done("", "move", first, before, order.standing()))
    return None


DO: dict[str, Callable[[Dairy, Order, Wish, Done], str | None]] = {
    "skip": _stop,
    "pause": _stop,
    "resume": _resume,
    "one_day_quantity": _one_day,
    "change_quantity": _turn,
    "change_pattern": _turn,
}


def undo(dairy: Dairy, order: Order, done: Done) -> str | None:
    """Take a change back that has not begun."""
    if not done.stands or order.status != "delivering":
        return "change_not_undoable"
    if done.first < dairy.first_open():
        return "undo_too_late"
    later = order.changes[order.changes.index(done) + 1 :]
    if any(one.stands for one in later):
        return "change_built_upon"
    if order.standing().from_day(done.first) != done.after.from_day(done.first):
        return "change_built_upon"
    coming = {day: count for day, count in done.before.days.items() if day >= done.first}
    if any(day in dairy.shut or is_over(day, dairy.now) for day in coming):
        return "change_built_upon"
    past = {day: count for day, count in order.days.items() if day < done.first}
    order.stand(replace(done.before, days=past | coming))
    follow(order, done.first)
    done.stands = False
    if done.kind == "move":
        order.doors.pop()
    if done.bottles:
        order.worth += worth_of(done.bottles, done.credit)
        order.gone = (order.gone[0] - done.bottles, order.gone[1] - done.credit)
        if done.credit:
            dairy.book("balance", "prepaid", done.credit)
    dairy.follow(order)
    return None


def renew(dairy: Dairy, order: Order) -> Order | str:
    """The order that goes on where another ends, its ids still to be filled in; or the refusal's code."""
    if order.status != "delivering":
        return "order_finished" if order.over else "order_not_changeable"
    if any(not one.over or one.status == "completed" for one in dairy.renewals(order)):
        return "renewal_exists"
    if order.waiting or not order.days:
        return "end_unknown"
    wished = max(order.days) + DAY
    rhythm, anchor = order.rhythm_on(max(wished, dairy.today + DAY))
    return Order(
        id="",
        home=order.home,
        line_id=order.line_id,
        rhythm=rhythm,
        bottles=order.bottles,
        price=order.bottles * MILK_FEN,
        wished=wished,
        placed_at=dairy.now,
        before=order,
        anchor=anchor,
    )
