"""Whatever households, deliverers, the desk and the clock do in any order, model = database.

Hypothesis makes the histories up and shrinks one that fails to its shortest form. It prints the
steps, and the line `@reproduce_failure(…)`, which replays them when put over `Histories`.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fixtures.doses import SOAK, dose
from tests.model.households import Households
from tests.model.staff import Staff
from tests.model.stand import Stand


class Histories(Households, Staff):
    """Whatever anybody does, in any order."""


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """One database for all histories of this module."""
    made = Stand()
    yield made
    made.close()


@pytest.mark.parametrize("part", range(dose(1, 20)))
def test_any_history_leaves_what_the_model_says(stand: Stand, part: int) -> None:
    Histories.stand = stand
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=dose(15, 250),
            stateful_step_count=dose(25, 100),
            deadline=None,
            database=None,
            derandomize=not SOAK,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
