"""Fixtures of loads and of faults under load."""

from collections.abc import AsyncIterator

import pytest

from tests.load.city import People, city_template, people_of
from tests.load.installation import Installation, installed


@pytest.fixture
async def installation() -> AsyncIterator[Installation]:
    """An installation on the empty schema."""
    async with installed() as made:
        yield made


@pytest.fixture
async def city() -> AsyncIterator[Installation]:
    """An installation on the demo city."""
    async with installed(await city_template()) as made:
        yield made


@pytest.fixture
async def people(city: Installation) -> People:
    """Who lives and works in it."""
    return await people_of(city.database)
