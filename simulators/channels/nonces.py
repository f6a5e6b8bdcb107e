"""Memory of nonces already used, for as long as their time stamps would be accepted."""

from collections import deque
from datetime import datetime, timedelta


class NonceMemory:
    """Remembers nonces for a fixed span of real time."""

    def __init__(self, *, keep: timedelta) -> None:
        self._keep = keep
        self._order: deque[tuple[datetime, str]] = deque()
        self._seen: set[str] = set()

    def first_use(self, nonce: str, *, now: datetime) -> bool:
        """Note a nonce; False when it was used within the span."""
        while self._order and self._order[0][0] <= now - self._keep:
            self._seen.discard(self._order.popleft()[1])
        if nonce in self._seen:
            return False
        self._seen.add(nonce)
        self._order.append((now, nonce))
        return True
