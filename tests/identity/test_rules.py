"""Phones, passwords and allowances, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.identity.errors import PasswordTooWeak, PhoneInvalid
from app.identity.rules import (
    Allowance,
    check_password,
    client_network,
    is_mobile,
    mask_phone,
    normalise_phone,
)


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+86 138 0013 8000",
        "+86-138-0013-8000",
        "0086 13800138000",
        "8613800138000",
        "138 0013 8000",
        "１３８００１３８０００",
        " 138-0013-8000 ",
        "(138)00138000",
    ],
)
def test_a_mobile_is_one_phone_however_it_is_written(written: str) -> None:
    assert normalise_phone(written) == "13800138000"


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("021-62345678", "021-62345678"),
        ("02162345678", "021-62345678"),
        ("(021) 6234 5678", "021-62345678"),
        ("+86 21 6234 5678", "021-62345678"),
        ("0571-8765432", "0571-8765432"),
        ("021-62345678-802", "021-62345678-802"),
    ],
)
def test_a_landline_keeps_area_and_extension(written: str, phone: str) -> None:
    assert normalise_phone(written) == phone
    assert normalise_phone(phone) == phone
    assert not is_mobile(phone)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "12345",
        "12800138000",
        "138001380000",
        "+1 415 555 2671",
        "+852 5123 4567",
        "电话",
        "1" * 99,
    ],
)
def test_what_is_no_mainland_phone_is_refused(written: str) -> None:
    with pytest.raises(PhoneInvalid):
        normalise_phone(written)


@given(st.text(max_size=45))
def test_normalising_is_stable_or_refuses(text: str) -> None:
    try:
        phone = normalise_phone(text)
    except PhoneInvalid:
        return
    assert normalise_phone(phone) == phone


def test_a_masked_phone_hides_its_middle() -> None:
    assert mask_phone("13812341234") == "138****1234"
    assert mask_phone("021-62345678") == "****5678"
    assert mask_phone("") == ""


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "PassWord1234",
        "123456789012",
        "aaaaaaaaaaaa",
        "abababababab",
        "qwertyuiopas",
        "abcdefghijklm",
        "1qaz2wsx3edc4rfv",
        "9876543210987654",
        "li.ming-2026-x",
    ],
)
def test_a_guessable_password_is_refused(password: str) -> None:
    with pytest.raises(PasswordTooWeak):
        check_password(password, login="li.ming")


@pytest.mark.parametrize(
    "password", ["correct-horse-battery", "7hs!Kd02mmQz", "早晨五点送牛奶到门口哦"]
)
def test_a_long_odd_password_is_taken(password: str) -> None:
    check_password(password + "!", login="li.ming")


def test_one_client_is_an_address_or_a_home_network() -> None:
    assert client_network("203.0.113.7") == "203.0.113.7"
    assert client_network("::ffff:203.0.113.7") == "203.0.113.7"
    assert client_network("2001:db8:1:2:3:4:5:6") == client_network("2001:db8:1:2::9")
    assert client_network("2001:db8:1:2::9") != client_network("2001:db8:1:3::9")
    assert client_network(None) == client_network("testclient") == "unknown"


NOW = datetime(2026, 3, 15, 2, 0, 30, tzinfo=UTC)


def test_waiting_ends_when_the_oldest_counts_leave_the_window() -> None:
    allowance = Allowance("x", "", 2, timedelta(minutes=1))
    start = allowance.bucket_at(NOW - timedelta(seconds=50))
    full = [(start, 1), (allowance.bucket_at(NOW - timedelta(seconds=10)), 1)]
    assert allowance.wait(full, now=NOW) == 0
    over = [*full, (allowance.bucket_at(NOW), 1)]
    wait = allowance.wait(over, now=NOW)
    assert 10 <= wait <= 12
    later = NOW + timedelta(seconds=wait)
    kept = [one for one in over[:2] if one[0] > allowance.counts_since(later)]
    assert allowance.wait([*kept, (allowance.bucket_at(later), 1)], now=later) == 0


@given(
    st.lists(st.integers(0, 7200), max_size=60),
    st.integers(1, 5),
)
def test_no_rolling_window_ever_holds_more_than_the_limit(gaps: list[int], limit: int) -> None:
    allowance = Allowance("x", "", limit, timedelta(hours=1))
    at = NOW
    taken: list[datetime] = []
    counts: dict[datetime, int] = {}
    for gap in gaps:
        at += timedelta(seconds=gap)
        bucket = allowance.bucket_at(at)
        seen = {**counts, bucket: counts.get(bucket, 0) + 1}
        inside = [(b, n) for b, n in seen.items() if b > allowance.counts_since(at)]
        if allowance.wait(inside, now=at) == 0:
            counts = seen
            taken.append(at)
    for moment in taken:
        assert sum(moment - timedelta(hours=1) < other <= moment for other in taken) <= limit
