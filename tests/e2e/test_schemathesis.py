"""Bad input by the thousand: no answer is a 5xx, none is undocumented, whoever asks."""

from copy import deepcopy
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import openapi
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from app.identity.models import Role
from tests.factories.world import World, once
from tests.fixtures.application import built_app
from tests.fixtures.doses import dose

EXAMPLES = dose(3, 1000)
ROLES = tuple(role for role in Role if role is not Role.SCHOOL)
SCHEMA = openapi.from_dict(deepcopy(built_app().openapi()))
OPERATIONS = {
    f"{found.ok().method.upper()} {found.ok().path}": found.ok()
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok)
}


def documented(operation: APIOperation[Any, Any, Any, Any]) -> set[str]:
    return set(operation.definition.raw["responses"])


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_no_answer_is_a_fault_or_undocumented(
    name: str, client: httpx.AsyncClient, world: World
) -> None:
    operation = OPERATIONS[name]
    cases: list[Any] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    for case in cases:
        arguments = case.as_transport_kwargs(base_url="http://test")
        arguments.pop("cookies", None)
        if isinstance(arguments.get("data"), str | bytes):
            arguments["content"] = arguments.pop("data")
        headers = {
            key: value
            for key, value in dict(arguments.pop("headers", {})).items()
            if value.isascii() and value.isprintable()
        }
        for role in ROLES:
            holder = world.household if role is Role.CUSTOMER else world.staff[role]
            answer = await client.request(
                **arguments, headers=once() | headers | holder.headers, timeout=20
            )
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            assert str(answer.status_code) in documented(operation), (
                answer.status_code,
                answer.text,
            )
            if answer.status_code != 403:
                break
