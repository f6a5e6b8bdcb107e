"""Calculations of billing, on their own."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing import rules
from app.billing.errors import RefundExceedsPaid
from app.billing.rules import Refundable, RefundTerms, spread_refund
from app.billing.states import (
    OPEN_PAYMENTS,
    OPEN_REFUNDS,
    PAYMENT_LABELS,
    PAYMENT_MOVES,
    REFUND_LABELS,
    REFUND_MOVES,
    PaymentStatus,
    RefundStatus,
)
from tests.factories.world import MORNING

YEAR = timedelta(days=365)


def payments(lefts: list[int]) -> list[Refundable]:
    return [
        Refundable(UUID(int=number), MORNING + timedelta(minutes=number), left)
        for number, left in enumerate(lefts)
    ]


@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(0, 40_000))
def test_a_refund_is_spread_exactly_or_refused(lefts: list[int], amount: int) -> None:
    paid = payments(lefts)
    if amount > sum(lefts):
        with pytest.raises(RefundExceedsPaid):
            spread_refund(amount, paid)
        return
    shares = spread_refund(amount, paid)
    assert sum(share.amount_fen for share in shares) == amount
    left = {known.payment_id: known.left_fen for known in paid}
    assert all(0 < share.amount_fen <= left[share.payment_id] for share in shares)
    order = [share.payment_id for share in shares]
    assert order == sorted(order, reverse=True)
    assert all(share.amount_fen == left[share.payment_id] for share in shares[:-1])


def test_a_negative_refund_is_a_bug() -> None:
    with pytest.raises(ValueError, match="negative"):
        spread_refund(-1, payments([5]))


@pytest.mark.parametrize(
    ("days", "before", "obstacle"),
    [
        (365, 49, None),
        (366, 0, rules.TOO_OLD),
        (0, 50, rules.TOO_MANY),
    ],
)
def test_the_channels_limits(days: int, before: int, obstacle: str | None) -> None:
    found = rules.refund_obstacle(
        RefundTerms(max_age_days=365, max_refunds=50),
        captured_at=MORNING,
        refunds_before=before,
        now=MORNING + timedelta(days=days),
    )
    assert found == obstacle
    without_end = RefundTerms()
    assert (
        rules.refund_obstacle(
            without_end, captured_at=MORNING, refunds_before=10**6, now=MORNING + 9 * YEAR
        )
        is None
    )


def test_refunds_of_a_payment_keep_their_distance() -> None:
    minute = RefundTerms(gap_seconds=60)
    assert rules.refund_not_before(minute, MORNING) == MORNING + timedelta(seconds=60)
    assert rules.refund_not_before(minute, None) is None
    assert rules.refund_not_before(RefundTerms(), MORNING) is None


def test_payments_whose_channel_takes_no_more_give_last() -> None:
    old, older, new = (
        Refundable(UUID(int=number), MORNING + timedelta(days=number), 100, is_taken_back=taken)
        for number, taken in ((2, False), (1, False), (0, True))
    )
    shares = spread_refund(250, [older, new, old])
    assert [(one.payment_id, one.amount_fen) for one in shares] == [
        (new.payment_id, 100),
        (old.payment_id, 100),
        (older.payment_id, 50),
    ]


def test_patience_grows_and_ends() -> None:
    pauses = [rules.poll_payment_after(tries).total_seconds() / 60 for tries in range(5)]
    assert pauses == [1, 2, 4, 5, 5]
    assert rules.poll_refund_after(10_000) == timedelta(minutes=8)
    assert rules.poll_refund_after(10_000, waits_for_a_person=True) == timedelta(hours=1)
    assert rules.retry_refund_after(9, refused=False) == timedelta(minutes=5)
    assert rules.retry_refund_after(9, refused=True) == timedelta(minutes=8)


@given(st.uuids())
def test_numbers_at_the_channel_fit_its_rules(row_id: UUID) -> None:
    number = rules.channel_number("P", row_id)
    assert len(number) == 27
    assert number.isascii()
    assert number.isalnum()
    assert number == rules.channel_number("P", row_id)


def test_every_status_has_a_label_and_the_open_ones_can_move() -> None:
    assert PAYMENT_LABELS.keys() == set(PaymentStatus)
    assert REFUND_LABELS.keys() == set(RefundStatus)
    assert all(not PAYMENT_MOVES.is_final(status) for status in OPEN_PAYMENTS)
    assert all(not REFUND_MOVES.is_final(status) for status in OPEN_REFUNDS)
    assert PAYMENT_MOVES.is_final(PaymentStatus.CAPTURED)
    assert REFUND_MOVES.is_final(RefundStatus.SUCCEEDED)
