"""What a page weighs: everything a browser loads to show it the first time, as it travels.

That is the page, its styles, scripts, pictures and sprites, and the parts it asks for as soon as it
stands; not a stream, which does not end, nor what a script asks for later. Gzip is taken where the
server has it, and heads of answers count.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag

import httpx

_STYLES = frozenset({"stylesheet", "icon"})


@dataclass(frozen=True, slots=True)
class Budget:
    """The most a page may weigh, in KB (1024 bytes)."""

    name: str
    most_kb: float


DASHBOARD = Budget("dashboard", 300)
QUEUE = Budget("service_queue", 60)
TICKET = Budget("ticket", 60)
DELIVERER = Budget("deliverer", 40)


async def weigh(client: httpx.AsyncClient, path: str) -> dict[str, int]:
    """Bytes by address; the client has the page's origin and its visitor's cookie.

    Raises httpx.HTTPStatusError when any of it is not there.
    """
    weights: dict[str, int] = {}
    waiting = [(path, True)]
    while waiting:
        address, is_page = waiting.pop()
        if address in weights:
            continue
        headers = {"Accept-Encoding": "gzip", "Accept": "text/html" if is_page else "*/*"}
        answer = (await client.get(address, headers=headers)).raise_for_status()
        weights[address] = answer.num_bytes_downloaded + _head_of(answer)
        if is_page:
            found = _Loaded()
            found.feed(answer.text)
            waiting += [(one, False) for one in found.files] + [(one, True) for one in found.parts]
    return weights


def in_kb(weights: dict[str, int]) -> float:
    """All of it together."""
    return sum(weights.values()) / 1024


def _head_of(answer: httpx.Response) -> int:
    status_line = len(f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\r\n")
    return status_line + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) + 2


@dataclass
class _Loaded(HTMLParser):
    """Reads the addresses of what is loaded at once off a page."""

    files: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        said = {name: value or "" for name, value in attrs}
        if (tag == "link" and not _STYLES.isdisjoint(said.get("rel", "").split())) or tag == "use":
            self._add(said.get("href", ""))
        elif tag in {"script", "img"}:
            self._add(said.get("src", ""))
        triggers = [one.split()[:1] for one in said.get("hx-trigger", "").split(",")]
        if "hx-get" in said and ["load"] in triggers:
            self.parts.add(said["hx-get"])

    def _add(self, address: str) -> None:
        whole = urldefrag(address).url
        if whole and not whole.startswith("data:"):
            self.files.add(whole)
