"""The product as its users see it: requests that are repeated until they are answered."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import httpx

LOGINS_AT_ONCE: Final = 4
"""The product lets ten unfinished logins of one address be under way."""
LONGEST_PAUSE: Final = 3.0
LONGEST_WAIT: Final = 60.0
"""A throttle of more seconds is a no."""


class Refused(Exception):
    """The product said no."""

    def __init__(self, answer: httpx.Response) -> None:
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        self.status = answer.status_code
        self.code = str(problem.get("code", ""))
        self.facts: dict[str, Any] = problem.get("facts") or {}
        request = answer.request
        super().__init__(f"{request.method} {request.url.path}: {self.status} {self.code}")


class GaveUp(Exception):
    """The product did not answer for too long."""


class Api:
    """Calls as staff by login, or as a household by its phone once it has logged in."""

    def __init__(
        self, http: httpx.AsyncClient, passwords: Mapping[str, str], *, patience: float = 180.0
    ) -> None:
        self._http = http
        self._passwords = passwords
        self._patience = patience
        self._tokens: dict[str, str] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._logins = asyncio.Semaphore(LOGINS_AT_ONCE)

    def knows(self, login: str) -> bool:
        """Whether somebody has a password here."""
        return login in self._passwords

    def keep_token(self, who: str, token: str) -> None:
        """Remember a household's login."""
        self._tokens[who] = token

    async def get(self, path: str, *, who: str | None = None, **params: object) -> Any:
        """The answer of a GET; names that are words of Python end in an underscore."""
        wanted = {key.rstrip("_"): str(value) for key, value in params.items() if value is not None}
        return await self.call("GET", path, who=who, params=wanted)

    async def post(
        self, path: str, body: object = None, *, who: str | None = None, key: str | None = None
    ) -> Any:
        """The answer of a POST; `key` is its Idempotency-Key."""
        return await self.call("POST", path, who=who, body=body, key=key)

    async def list_all(self, path: str, *, who: str, **params: object) -> list[Any]:
        """All pages of a list."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = await self.get(path, who=who, cursor=cursor, **params)
            items += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return items

    async def call(
        self,
        method: str,
        path: str,
        *,
        who: str | None = None,
        body: object = None,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Any:
        """Ask until there is an answer; a redirect answers where it leads.

        Raises Refused or GaveUp.
        """
        deadline = time.monotonic() + self._patience
        pause = 0.2
        renewed = False
        while True:
            token = None if who is None else await self._token(who)
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            if key is not None:
                headers["Idempotency-Key"] = key
            answer = await self._ask(method, path, body, params, headers)
            if answer is not None:
                if answer.is_success:
                    return answer.json() if answer.content else None
                if answer.is_redirect:
                    return {"location": answer.headers["location"]}
                if answer.status_code == 401 and who and self.knows(who) and not renewed:
                    renewed = True
                    if self._tokens.get(who) == token:
                        del self._tokens[who]
                    continue
                if not _may_pass(answer):
                    raise Refused(answer)
            if time.monotonic() > deadline:
                raise GaveUp(f"{method} {path}: no answer for {self._patience:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _ask(
        self,
        method: str,
        path: str,
        body: object,
        params: Mapping[str, str] | None,
        headers: dict[str, str],
    ) -> httpx.Response | None:
        try:
            return await self._http.request(method, path, json=body, params=params, headers=headers)
        except httpx.TransportError:
            return None

    async def _token(self, who: str) -> str:
        async with self._locks[who]:
            known = self._tokens.get(who)
            if known is None:
                async with self._logins:
                    answer = await self.post(
                        "/auth/login", {"login": who, "password": self._passwords[who]}
                    )
                known = self._tokens[who] = str(answer["access_token"])
            return known


def _may_pass(answer: httpx.Response) -> bool:
    """Whether the same request may go through soon: a restart, a throttle, a twin under way."""
    if answer.status_code == 429:
        return float(answer.headers.get("Retry-After", LONGEST_WAIT + 1)) <= LONGEST_WAIT
    if answer.status_code != 409:
        return answer.status_code >= 500
    try:
        return bool(answer.json().get("code") == "still_running")
    except ValueError:
        return False
