"""What bottles are worth, however a line's entries came about."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.changes.purses import Move, Purse
from app.orders.changes.single_days import exchange

MILK, YOGURT = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(("used", "refund"), [(0, 29900), (1, 29568), (45, 14950), (90, 0)])
def test_the_rest_of_a_ninety_bottle_card(used: int, refund: int) -> None:
    purse = Purse([Move("bought", MILK, 90, 29900)])
    moves = purse.give_up("refunded", MILK, 90 - used, left=90 - used)
    assert sum(move.value_fen for move in moves) == refund
    assert sum(move.bottles for move in moves) == 90 - used


def test_gifts_come_last_and_are_worth_nothing() -> None:
    entries = [Move("bought", MILK, 30, 9000), Move("gift", MILK, 5, 0)]
    assert Purse(entries).paid_left(MILK, 35) == 30
    assert Purse(entries).paid_left(MILK, 7) == 2
    assert Purse(entries).give_up("refunded", MILK, 7, left=7) == [
        Move("refunded", MILK, 2, 600),
        Move("refunded", MILK, 5, 0),
    ]
    assert Purse(entries).give_up("credited", MILK, 1, left=7) == [Move("credited", MILK, 1, 300)]


def test_what_came_back_beyond_the_purchase_is_worth_nothing() -> None:
    purse = Purse([Move("bought", MILK, 2, 700)])
    assert purse.give_up("refunded", MILK, 3, left=3) == [Move("refunded", MILK, 2, 700)]
    assert purse.give_up("refunded", MILK, 1, left=1) == []


def test_products_are_kept_apart() -> None:
    purse = Purse(
        [
            Move("bought", MILK, 30, 10500),
            Move("swapped_out", MILK, 1, 350),
            Move("swapped_in", YOGURT, 1, 300),
        ]
    )
    assert purse.give_up("refunded", YOGURT, 1, left=1) == [Move("refunded", YOGURT, 1, 300)]
    assert purse.give_up("refunded", MILK, 20, left=20) == [Move("refunded", MILK, 20, 7000)]


@given(
    lots=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5000)), min_size=1, max_size=4),
    gifts=st.integers(0, 5),
    taken=st.lists(st.integers(1, 30), max_size=8),
)
def test_value_is_neither_made_nor_lost(
    lots: list[tuple[int, int]], gifts: int, taken: list[int]
) -> None:
    entries = [Move("bought", MILK, *lot) for lot in lots]
    if gifts:
        entries.append(Move("gift", MILK, gifts, 0))
    total = sum(move.bottles for move in entries)
    worth = sum(move.value_fen for move in entries)
    given_up: list[Move] = []
    left = total
    for count in taken:
        purse = Purse([*entries, *given_up])
        given_up += purse.give_up("credited", MILK, min(count, left), left=left)
        left = total + sum(move.signed_bottles for move in given_up)
        assert left >= 0
    rest = Purse([*entries, *given_up]).give_up("refunded", MILK, left, left=left)
    assert sum(move.bottles for move in rest) == left
    assert sum(move.value_fen for move in (*given_up, *rest)) == worth


def test_gifts_are_swapped_bottle_for_bottle() -> None:
    entries = [Move("bought", MILK, 30, 9000), Move("gift", MILK, 5, 0)]
    out = Purse(entries).give_up("swapped_out", MILK, 7, left=7)
    moves, pay_fen = exchange(out, YOGURT, price_fen=420)
    assert pay_fen == 2 * 420 - 600
    assert moves[2:] == [Move("swapped_in", YOGURT, 2, 840), Move("swapped_in", YOGURT, 5, 0)]
    after = Purse([*entries, *moves])
    assert (after.paid_left(YOGURT, 7), after.paid_left(MILK, 0)) == (2, 0)
    assert after.give_up("refunded", YOGURT, 7, left=7) == [
        Move("refunded", YOGURT, 2, 840),
        Move("refunded", YOGURT, 5, 0),
    ]
