"""Whatever households, deliverers, the desk and the clock do in any order, model = database.

Hypothesis makes the histories up and shrinks one that fails to its shortest form. It prints the
steps, and the line `@reproduce_failure(…)`, which replays them when put over `Histories`.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from tests.fixtures.doses import SOAK, dose
from tests.model.days import Rhythm
from tests.model.households import Households, rhythms
from tests.model.staff import Staff
from tests.model.stand import Stand


class Histories(Households, Staff):
    """Whatever anybody does, in any order."""


class Renewals(Histories):
    """The same, where a household has renewed already."""

    @initialize(
        rhythm=rhythms,
        bottles=st.integers(1, 6),
        then=st.sampled_from(["", "waits", "cancels", "pays late", "pays twice"]),
    )
    def has_renewed(self, rhythm: Rhythm, bottles: int, then: str) -> None:
        """It may want something dearer as well."""
        self.order(home=self.homes[0], rhythm=rhythm, bottles=bottles, ahead=None, pays=True)
        (order,) = self.dairy.orders
        self.renew(order=order, pays=True)
        if then:
            self.ask_for_dearer(order=order, then=then)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """One database for all histories of this module."""
    made = Stand()
    yield made
    made.close()


@pytest.mark.parametrize("part", range(dose(1, 20)))
def test_any_history_leaves_what_the_model_says(stand: Stand, part: int) -> None:
    run(Histories, stand, dose(15, 250))


@pytest.mark.parametrize("part", range(dose(1, 10)))
def test_renewals_follow_whatever_happens(stand: Stand, part: int) -> None:
    run(Renewals, stand, dose(10, 150))


def run(machine: type[Histories], stand: Stand, histories: int) -> None:
    """Make histories up and live through them."""
    machine.stand = stand
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=dose(25, 100),
            deadline=None,
            database=None,
            derandomize=not SOAK,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
