"""Words that would be SQL, HTML or a template somewhere else: kept as text, searched as text."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.core.ids import public_single
from app.identity.models import Role
from tests.factories import orders
from tests.factories.aftersales import Desk
from tests.factories.world import World, once
from tests.fixtures.doses import dose
from tests.hostile.surface import Operation, operations

SQL = (
    "' OR '1'='1",
    "'; DROP TABLE orders; --",
    "1) UNION SELECT 1,2,3--",
    "\\'; SELECT 1",
    "%' --",
)
HTML = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</textarea><b>",
)
TEMPLATES = ("{{7*7}}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "%(name)s %s {0}", "${jndi:ldap://x}")
FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|'/C calc'!A0")
ODD = ("%00", "../../etc/passwd", "$1 :now ::text", "{}", "[]", "null", "\u202e卡", "牛奶'", "㐀𠀀")
PLAIN = (*SQL, *HTML, *TEMPLATES, *FORMULAS, *ODD)
MOST = 40
"""Letters that fit into every field."""


def words(count: int) -> Iterator[str]:
    """The plain ones first, then two of them joined; never longer than a field."""
    joined = (" ".join(pair) for pair in itertools.product(PLAIN, PLAIN))
    fitting = (word for word in itertools.chain(PLAIN, joined) if len(word) <= MOST)
    return itertools.islice(fitting, count)


SOME = 12
ALL = list(words(dose(SOME, 500)))
CHUNKS = [ALL[start : start + SOME] for start in range(0, len(ALL), SOME)]
ASKED = list(words(dose(4, 500)))


def text_parameters(operation: Operation) -> list[str]:
    """Query parameters that take words, of whatever form."""
    return [
        str(parameter["name"]) for parameter in operation.parameters if parameter["in"] == "query"
    ]


QUERIES = [one for one in operations() if one.method == "GET" and text_parameters(one)]


@pytest.mark.parametrize("operation", QUERIES, ids=str)
async def test_no_query_parameter_reaches_the_database_as_code(
    client: httpx.AsyncClient, world: World, operation: Operation
) -> None:
    for name in text_parameters(operation):
        for word in ASKED:
            answer = await client.get(
                operation.url, params={name: word}, headers=operation.headers(world)
            )
            assert answer.status_code < 500, (name, word, answer.text)


async def test_no_path_is_code(client: httpx.AsyncClient, world: World) -> None:
    for operation in operations():
        if "{" not in operation.path or operation.method != "GET":
            continue
        for word in ASKED[:20]:
            head, *parts = operation.path.split("{")
            quoted = httpx.URL("http://test/").copy_with(path="/" + word).raw_path.decode()[1:]
            url = "http://test" + head + "".join(quoted + p.partition("}")[2] for p in parts)
            answer = await client.get(url, headers=operation.headers(world))
            assert answer.status_code < 500, (url, answer.text)


@pytest.mark.parametrize("chunk", range(len(CHUNKS)))
async def test_what_people_write_comes_back_as_it_was(
    client: httpx.AsyncClient, world: World, chunk: int
) -> None:
    for number, word in enumerate(CHUNKS[chunk]):
        await as_a_customer(client, world, word)
        await at_the_desk(Desk(client, world), word)
        await in_the_office(client, world, word, number)


async def as_a_customer(client: httpx.AsyncClient, world: World, word: str) -> None:
    """Name, address and note; and the public question about an address."""
    mine = world.household.headers
    renamed = await client.patch("/me", json={"name": word}, headers=mine)
    assert renamed.status_code == 200, renamed.text
    assert (await client.get("/me", headers=mine)).json()["name"] == word.strip()
    written = dict.fromkeys(("street", "compound", "door", "recipient", "note"), word)
    written["house_no"] = word[:20]
    body = orders.ADDRESS | {"phone": world.household.phone} | written
    saved = await client.post("/me/addresses", json=body, headers=mine | once())
    assert saved.status_code == 201, saved.text
    listed = (await client.get("/me/addresses", headers=mine)).json()["items"]
    [found] = [one for one in listed if one["id"] == saved.json()["id"]]
    for name, said in written.items():
        assert found[name] == said.strip(), name
    gone = await client.delete(f"/me/addresses/{found['id']}", headers=mine)
    assert gone.status_code == 204, gone.text
    checked = await client.post("/coverage/check", json=orders.ADDRESS | {"compound": word})
    assert checked.status_code == 200, checked.text


async def at_the_desk(desk: Desk, word: str) -> None:
    """A complaint, its answer and its result."""
    ticket = await desk.file(body=word)
    await desk.reply(ticket["id"], body=word)
    await desk.resolve(ticket["id"], result=word)
    read: dict[str, Any] = await desk.read(ticket["id"], by=desk.world.household.headers)
    said = [message["body"] for message in read["messages"]]
    assert said.count(word.strip()) == 3, said


async def in_the_office(client: httpx.AsyncClient, world: World, word: str, number: int) -> None:
    """A deliverer's name."""
    admin = world.staff[Role.ADMIN].headers
    body = {
        "employee_no": f"D7{number:02}",
        "name": word,
        "station": public_single("stn", world.station_id),
    }
    made = await client.post("/deliverers", json=body, headers=admin | once())
    assert made.status_code == 201, made.text
    listed = (await client.get("/deliverers", headers=admin)).json()["items"]
    assert word.strip() in {one["name"] for one in listed}
