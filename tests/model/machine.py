"""What every history has: the product, its model, a look at both, and what there is to choose."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.factories.world import MORNING, TODAY
from tests.model.comparing import compare
from tests.model.dairy import Dairy
from tests.model.hands import Hands
from tests.model.stand import Run, Stand
from tests.model.things import Dearer, Home, Money, Order, Refund

EVERY = 5
"""Steps between two comparisons; one more stands at the end of every history."""
LONGEST = timedelta(days=60)


def one_of(pick: Callable[[Any], list[Any]]) -> Any:
    """One of what the machine has at this moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(pick(machine)))


class Machine(RuleBasedStateMachine):
    """The dairy and its model, step by step."""

    stand: Stand

    def __init__(self) -> None:
        super().__init__()
        self.hands = Hands(Run(self.stand))
        self.dairy = Dairy(MORNING)
        self.steps = 0
        self.doors = 0
        self.homes = [
            Home(name, home.customer_id, home.address_id, name)
            for name, home in self.stand.homes.items()
        ]

    def teardown(self) -> None:
        """Compare a last time, and undo the run."""
        try:
            self._compare()
        finally:
            self.hands.run.close()

    @invariant()
    def model_and_database_agree(self) -> None:
        """Every few steps; a failure is shrunk to the step that caused it."""
        self.steps += 1
        if self.steps % EVERY == 0:
            self._compare()

    def _compare(self) -> None:
        async def look() -> None:
            async with self.stand.database.transaction() as session:
                await compare(session, self.dairy)

        self.stand.do(look())

    # What there is to choose from

    def has_time(self) -> bool:
        """Whether the days made ahead last for another order."""
        return self.dairy.today < TODAY + LONGEST

    def payable(self) -> list[Order]:
        """Orders a household may try to pay; mostly those that wait for it."""
        own = [order for order in self.dairy.orders if order.door is None]
        return [order for order in own if order.status == "pending_payment"] or own

    def unclear(self) -> list[Order]:
        """Orders a reviewer may look at; mostly those that wait for him."""
        waiting = [order for order in self.dairy.orders if order.status == "under_review"]
        return waiting or self.dairy.orders

    def running(self) -> list[Order]:
        """Orders a household may try to change; mostly those that are brought."""
        return [one for one in self.dairy.orders if one.status == "delivering"] or self.dairy.orders

    def renewable(self) -> list[Order]:
        """Orders their household may try to renew; those of one that has moved are left out."""
        own = [one for one in self.running() if one.door is None and not one.doors]
        return [one for one in own if not self.dairy.renewals(one)] or own

    def movable(self) -> list[Order]:
        """Orders a household may try to move; those renewed, which go along, are left out."""
        return [
            one for one in self.running() if one.before is None and not self.dairy.renewals(one)
        ]

    def vain(self) -> list[Dearer]:
        """Changes that cost money and cannot happen any more, mostly still payable."""
        found = [
            one
            for one in self.dairy.dearer
            if one.order.over or one.status != "awaiting_payment" or one.until <= self.dairy.now
        ]
        return [one for one in found if one.status == "awaiting_payment"] or found

    def undoable(self) -> list[Order]:
        """Orders with a change of their household."""
        return [order for order in self.dairy.orders if any(done.id for done in order.changes)]

    def waiting(self) -> list[Money]:
        """Payments whose word is on its way."""
        paid: list[Order | Dearer] = [*self.dairy.orders, *self.dairy.dearer]
        return [
            money
            for one in paid
            for money in one.payments
            if money.paid and money.state == "pending"
        ]

    def by_hand(self) -> list[Refund]:
        """Refunds of cash and card."""
        return [refund for refund in self.dairy.refunds if refund.order.door]

    def confirmed(self) -> list[Order]:
        """Orders that were or are brought."""
        return [order for order in self.dairy.orders if order.begun is not None]
