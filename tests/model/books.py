"""Money as plain Python sees it: what is booked, what goes back, and what a line's bottles are worth."""

from collections import Counter
from datetime import datetime, timedelta

from tests.model.things import Dearer, Money, Order, Refund

GRACE = timedelta(minutes=15)


def worth_of(bottles: int, fen: int) -> list[int]:
    """Fen of each bottle of a lot, rounded down cumulatively."""
    return [fen * (k + 1) // bottles - fen * k // bottles for k in range(bottles)]


def take(worth: list[int], bottles: int) -> int:
    """Take bottles from the back; answers their fen."""
    taken = sum(worth[len(worth) - bottles :])
    del worth[len(worth) - bottles :]
    return taken


class Books:
    """What every account holds, and the refunds."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.refunds: list[Refund] = []
        self.dearer: list[Dearer] = []
        self.accounts: Counter[str] = Counter()

    def book(self, debit: str, credit: str, fen: int) -> None:
        """Move money."""
        self.accounts[debit] -= fen
        self.accounts[credit] += fen

    def give_back(
        self, order: Order | Dearer, fen: int, cause: str, *, source: str = "prepaid"
    ) -> None:
        """Money leaves for where it came from."""
        if not fen:
            return
        self.book(source, "refund_payable", fen)
        way = order.door or "channel"
        self.refunds.append(
            Refund(order, fen, cause, way, "requested" if order.door else "processing")
        )

    def refund_arrives(self, refund: Refund) -> None:
        """It is where it should be."""
        refund.status = "succeeded"
        way = "cash:office" if refund.way.startswith("cash") else refund.way
        self.book("refund_payable", way, refund.amount)

    def capture_dearer(self, change: Dearer, money: Money) -> None:
        """The channel's word about a change that cannot happen any more: the money goes back."""
        if money.state == "captured" or not money.paid:
            return
        money.state = "captured"
        self.book("channel", "prepaid", change.price)
        if change.status == "awaiting_payment":
            change.status = "refused"
            self.give_back(change, change.price, "change_refused")
            return
        self.book("prepaid", "suspense", change.price)
        self.give_back(change, change.price, "surplus", source="suspense")

    def end_dearer(self) -> None:
        """Changes nobody paid in time."""
        for change in self.dearer:
            for money in change.payments:
                self.capture_dearer(change, money)
                if money.state == "pending" and change.until <= self.now:
                    money.state = "closed"
            if change.status == "awaiting_payment" and change.until + GRACE < self.now:
                change.status = "expired"
