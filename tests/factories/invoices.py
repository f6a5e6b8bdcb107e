"""Invoices asked for and handled over the API."""

import io
from typing import Any

import httpx
from openpyxl import Workbook, load_workbook

from app.identity.models import Role
from tests.factories.world import Household, World, once

COMPANY = "913100006073784701"
"""A unified social credit code made up for tests; its check character is right."""
NUMBER = "25312000000000000001"
RED = "25312000000000000002"


def wanted(**said: Any) -> dict[str, Any]:
    """Body of POST /orders/{id}/invoices: a company, unless said otherwise."""
    return {
        "title_kind": "company",
        "title": "上海某某贸易有限公司",
        "tax_number": COMPANY,
        "email": "caiwu@example.cn",
    } | said


def person(**said: Any) -> dict[str, Any]:
    """The same for a person."""
    body = wanted(title_kind="person", title="王小明", phone="13800000001")
    del body["tax_number"], body["email"]
    return body | said


async def ask(
    client: httpx.AsyncClient,
    order: dict[str, Any],
    household: Household,
    body: dict[str, Any] | None = None,
) -> httpx.Response:
    """The household asks for an invoice."""
    return await client.post(
        f"/orders/{order['id']}/invoices",
        json=body or wanted(),
        headers=household.headers | once(),
    )


async def finance(
    client: httpx.AsyncClient, world: World, path: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    """Finance does something."""
    more: dict[str, Any] = {} if body is None else {"json": body}
    return await client.post(
        path, headers=world.staff[Role.FINANCE].headers | once(), timeout=60, **more
    )


async def see(
    client: httpx.AsyncClient, world: World, path: str, role: Role = Role.FINANCE
) -> dict[str, Any]:
    """What a member of staff reads."""
    answer = await client.get(path, headers=world.staff[role].headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def rows_of(client: httpx.AsyncClient, world: World, batch: str) -> list[list[Any]]:
    """The cells of a batch's file, the head first."""
    answer = await client.get(
        f"/invoice-batches/{batch}/file.xlsx", headers=world.staff[Role.FINANCE].headers
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "filename*=UTF-8''%E5%BC%80%E7%A5%A8" in answer.headers["content-disposition"]
    sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    return [list(row) for row in sheet.iter_rows()]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    """The provider's answer as XLSX."""
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
