"""Gifts with dates in plain Python: two for every three bottles, with every second delivery."""

from collections import Counter
from datetime import date, datetime
from typing import Final

from app.catalog.models import PriceChannel, Promotion
from app.core.ids import new_id
from tests.factories.world import ALWAYS
from tests.model.things import Given, Order

BUY: Final = 3
GIFTS: Final = 2
EVERY: Final = 2


def promotion(at: datetime) -> Promotion:
    """What the dairy offers to everybody who orders by himself."""
    return Promotion(
        id=new_id(),
        name="订三赠二",
        rule="每订 3 瓶赠 2 瓶，隔次随奶送。",
        channel=PriceChannel.WEB,
        buy_bottles=BUY,
        gift_bottles=GIFTS,
        gift_every=EVERY,
        forbids=[],
        valid=ALWAYS,
        created_by="test",
        created_at=at,
    )


def promise(order: Order) -> None:
    """Deal an order's gifts out to its deliveries, one after the other."""
    gifts = 0 if order.door else order.bottles // BUY * GIFTS
    mornings = sorted(order.days)
    slots = mornings[EVERY - 1 :: EVERY] or mornings[-1:]
    dealt = Counter(slots[-(-number * len(slots) // gifts) - 1] for number in range(1, gifts + 1))
    order.gifts = [Given(day, count, day) for day, count in sorted(dealt.items())]


def follow(order: Order, since: date) -> None:
    """After a change of an order's days from `since` on."""
    mornings = sorted(order.days)
    if mornings and mornings[0] >= since and not any(one.came for one in order.gifts):
        promise(order)
        return
    ahead = [day for day in mornings if day >= since]
    load: Counter[date] = Counter()
    latest = date.max
    for one in sorted(order.gifts, key=lambda gift: gift.promised, reverse=True):
        if one.came:
            continue
        after = [day for day in mornings if day >= one.promised]
        if not after and (order.waiting or not ahead):
            one.due = one.promised
        elif after and after[0] < since:
            one.due = after[0]
        else:
            wished = min(after[0] if after else ahead[-1], latest)
            while load[wished] and load[wished] + one.bottles > order.days[wished]:
                earlier = [day for day in ahead if day < wished]
                if not earlier:
                    break
                wished = earlier[-1]
            load[wished] += one.bottles
            one.due = latest = wished


def coming(order: Order, day: date) -> list[Given]:
    """What comes with a delivery of a day: what is due, and with the last one all that is left."""
    is_last = not order.waiting and not any(at > day for at in order.days)
    found = [one for one in order.gifts if not one.came and (one.due <= day or is_last)]
    return sorted(found, key=lambda one: (one.due, one.promised))
