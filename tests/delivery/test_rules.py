"""Small rules of the morning."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import NotFound
from app.core.ids import public_pair, read_pair
from app.delivery.api.phone_schemas import read_owned_id
from app.delivery.models import DeliveryStatus, StopState
from app.delivery.rules import (
    FAILURE_TITLES,
    OUR_FAULT,
    TITLES,
    FailureReason,
    Refusal,
    can_be_confirmed,
    clock_offset_ms,
    corrected_time,
    door_details_are_open,
    stop_state,
)

NOW = datetime(2026, 3, 15, 22, 10, tzinfo=UTC)


def test_every_reason_has_its_fault_and_its_words_and_every_refusal_its_title() -> None:
    assert set(OUR_FAULT) == set(FAILURE_TITLES) == set(FailureReason)
    assert set(TITLES) == set(Refusal)


@given(st.integers(-(10**9), 10**9), st.integers(0, 14 * 86400))
def test_the_correction_does_not_depend_on_the_phone_s_clock(wrong: int, ago: int) -> None:
    phone = NOW + timedelta(seconds=wrong)
    tapped = phone - timedelta(seconds=ago)
    assert corrected_time(device_at=tapped, sent_at=phone, now=NOW) == NOW - timedelta(seconds=ago)
    assert clock_offset_ms(sent_at=phone, received_at=NOW) == -wrong * 1000


def test_a_tap_a_little_after_the_sending_counts_as_now() -> None:
    ahead = NOW + timedelta(seconds=30)
    assert corrected_time(device_at=ahead, sent_at=NOW, now=NOW) == NOW


def test_a_stop_is_made_only_when_all_of_it_is() -> None:
    states = [status for status in DeliveryStatus if status is not DeliveryStatus.CANCELLED]
    for pair in product(states, repeat=2):
        uniform = {
            DeliveryStatus.DELIVERED: StopState.MADE,
            DeliveryStatus.PLANNED: StopState.PLANNED,
            DeliveryStatus.FAILED: StopState.FAILED,
        }
        expected = uniform.get(pair[0]) if pair[0] is pair[1] else None
        assert stop_state(pair) is (expected or StopState.PARTLY)


@pytest.mark.parametrize(
    ("days", "confirmed", "open_doors"),
    [(-32, False, False), (-31, True, False), (-1, True, False), (0, True, True), (1, True, True), (2, False, False)],
)  # fmt: skip
def test_what_a_phone_may_speak_of_and_see(days: int, confirmed: bool, open_doors: bool) -> None:
    today = date(2026, 3, 15)
    day = today + timedelta(days=days)
    assert can_be_confirmed(day, today=today) is confirmed
    assert door_details_are_open(day, today=today) is open_doors


@given(st.uuids(), st.uuids())
def test_the_fast_codec_is_the_one_of_the_core(customer_id: object, row_id: object) -> None:
    text = public_pair("adr", customer_id, row_id)  # type: ignore[arg-type]  # st.uuids() is UUID
    assert read_owned_id(text) == read_pair("adr", text)


@given(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=52, max_size=52))
def test_both_codecs_refuse_the_same_texts(body: str) -> None:
    def refuses(read: object) -> bool:
        try:
            read(f"adr_{body}")  # type: ignore[operator]  # one of two functions
        except NotFound:
            return True
        return False

    assert refuses(read_owned_id) == refuses(lambda text: read_pair("adr", text))
