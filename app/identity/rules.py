"""Pure rules of identity: phones, codes, passwords, throttles."""

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.identity.errors import PasswordTooWeak, PhoneInvalid
from app.identity.passwords import COMMON, RUNS

CODE_DIGITS = 6
CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
ACCESS_LIFETIME = timedelta(minutes=15)
CUSTOMER_SESSION = timedelta(days=30)
STAFF_SESSION = timedelta(hours=12)
"""Absolute: using a session does not prolong it."""
BROWSER_IDLE = timedelta(hours=2)
"""A browser nobody uses for so long is logged out: desks and their computers are shared."""
HOUSEHOLD_IDLE = timedelta(days=7)
"""A household's phone is its own, and the milk is looked at once a week."""
_IDLE_STEP = timedelta(minutes=5)
MIN_PASSWORD = 12
_MIN_DISTINCT = 5
_RUN = 6

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"(0(?:10|2[0-9]|[3-9][0-9]{2}))([2-9][0-9]{6,7})")
_EXTENSION = re.compile(r"(.*[0-9]{7,8})-([0-9]{1,6})")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_LONGEST_PHONE = 40


def idle_limit(*, is_deliverer: bool, is_household: bool = False) -> timedelta:
    """How long a browser may rest. A deliverer's own phone is out of reach for hours."""
    if is_household:
        return HOUSEHOLD_IDLE
    return STAFF_SESSION if is_deliverer else BROWSER_IDLE


def prolonged(ends_at: datetime, *, wall: datetime, idle: timedelta) -> datetime | None:
    """New end of a browser's session that is used now; None while moving it gains little."""
    later = wall + idle
    return later if idle != STAFF_SESSION and later - ends_at >= _IDLE_STEP else None


def normalise_phone(text: str) -> str:
    """A mobile as 11 digits, a landline as area-number or area-number-extension.

    Full-width digits, spaces, dashes, dots, brackets, +86 and 0086 do not matter.
    Raises PhoneInvalid.
    """
    if len(text) > _LONGEST_PHONE:
        raise PhoneInvalid
    narrow = unicodedata.normalize("NFKC", text).translate(_DASHES)
    narrow = re.sub(r"[\s.·()]", "", narrow)
    country = re.match(r"(\+|00)86-?|86-?(?=1)", narrow)
    if country is not None:
        narrow = narrow[country.end() :]
    digits = narrow.replace("-", "")
    if _MOBILE.fullmatch(digits):
        return digits
    if country is not None and not digits.startswith("0"):
        narrow, digits = "0" + narrow, "0" + digits
    if found := _LANDLINE.fullmatch(digits):
        return f"{found[1]}-{found[2]}"
    if found := _EXTENSION.fullmatch(narrow):
        area = _LANDLINE.fullmatch(found[1].replace("-", ""))
        if area is not None:
            return f"{area[1]}-{area[2]}-{found[2]}"
    raise PhoneInvalid


def is_mobile(phone: str) -> bool:
    """Whether a normalised phone can receive an SMS."""
    return _MOBILE.fullmatch(phone) is not None


def mask_phone(phone: str) -> str:
    """138****1234; of a landline only the last four digits of the number stay."""
    if is_mobile(phone):
        return f"{phone[:3]}****{phone[-4:]}"
    return f"****{phone[-4:]}" if phone else ""


def client_network(host: str | None) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def check_password(password: str, *, login: str) -> None:
    """Raise PasswordTooWeak unless a staff password is long enough and hard to guess."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    weak = (
        len(password) < MIN_PASSWORD
        or len(set(folded)) < _MIN_DISTINCT
        or folded in COMMON
        or (len(login) > 2 and login.casefold() in folded)
        or _is_a_run(folded)
    )
    if weak:
        raise PasswordTooWeak


def _is_a_run(folded: str) -> bool:
    """Whether the password is nothing but walks along the alphabet or the keyboard."""
    walked = 0
    at = 0
    while at < len(folded):
        step = next(
            (
                length
                for length in range(len(folded) - at, _RUN - 1, -1)
                if any(folded[at : at + length] in run for run in RUNS)
            ),
            0,
        )
        walked += step
        at += step or 1
    return walked > len(folded) - 4


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `limit` in any `window` for one subject (counted under its blind index)."""

    purpose: str
    subject: str
    limit: int
    window: timedelta

    @property
    def bucket(self) -> timedelta:
        """Counts are kept by sixtieths of the window."""
        return self.window / 60

    def bucket_at(self, now: datetime) -> datetime:
        """Start of the bucket an instant falls in."""
        size = self.bucket.total_seconds()
        return datetime.fromtimestamp(now.timestamp() // size * size, tz=UTC)

    def counts_since(self, now: datetime) -> datetime:
        """Buckets that start after this instant may hold something within the window."""
        return now - self.window - self.bucket

    def wait(self, counts: Sequence[tuple[datetime, int]], *, now: datetime) -> int:
        """Seconds until one more fits; 0 when the counts (bucket start, number) fit already."""
        total = sum(number for _, number in counts)
        if total <= self.limit:
            return 0
        for start, number in sorted(counts):
            total -= number
            if total <= self.limit:
                passed = start + self.bucket + self.window - now
                return max(1, int(passed.total_seconds()) + 1)
        return max(1, int(self.window.total_seconds()))


def code_sends(*, phone: str, network: str, per_network: int, overall: int) -> list[Allowance]:
    """Limits on sending login codes; those per phone stay below the SMS provider's own."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    return [
        Allowance("code_minute", phone, 1, timedelta(minutes=1)),
        Allowance("code_hour", phone, 5, hour),
        Allowance("code_day", phone, 10, day),
        Allowance("code_network", network, per_network, hour),
        Allowance("code_all", "", overall, hour),
    ]


def code_tries(*, network: str, per_network: int) -> list[Allowance]:
    """Limit on wrong codes from one network: as many as its codes allow tries."""
    return [
        Allowance("code_try", network, per_network * CODE_TRIES, timedelta(hours=1)),
    ]


def password_tries(*, login: str, network: str) -> list[Allowance]:
    """Limits on failed staff logins."""
    quarter = timedelta(minutes=15)
    return [
        Allowance("login_name", login, 10, quarter),
        Allowance("login_network", network, 10, quarter),
    ]
