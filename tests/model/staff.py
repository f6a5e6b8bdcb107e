"""What the others do: reviewers, the operator, deliverers, finance, the desk; and the clock."""

from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import text

from app.core.clock import local_instant
from app.core.ids import public_pair
from tests.model.days import DAY, is_over
from tests.model.machine import Machine, one_of
from tests.model.things import Dearer, Home, Order, Refund, Ticket

SEVEN = time(7, 0)
MOST_SHUT = 4
"""Days withdrawn in one history."""
Fate = tuple[int, str | None]
"""Bottles that are missing at a door, and why."""
fates: st.SearchStrategy[Fate] = st.sampled_from(
    [
        (0, None),
        (0, None),
        (1, "milk_damaged"),
        (1, "customer_absent"),
        (99, "vehicle_late"),
        (99, "locked_gate"),
    ]
)


class Staff(Machine):
    """Rules of everybody else."""

    @precondition(lambda self: len(self.dairy.shut) < MOST_SHUT)
    @rule(ahead=st.integers(0, 4))
    def withdraw(self, ahead: int) -> None:
        """The operator takes a day out."""
        day = self.dairy.today + DAY * ahead
        code = self.stand.do(self.hands.withdraw(day))
        if is_over(day, self.dairy.now) or day in self.dairy.shut:
            assert code == "day_closed", code
            return
        assert code is None, code
        self.dairy.withdraw(day)

    # The morning

    @precondition(lambda self: self.dairy.stops())
    @rule(
        stop=one_of(lambda machine: machine.dairy.stops()),
        fate=fates,
        ago=st.sampled_from([0, 1, 30, 15 * 24]),
    )
    def tap(self, stop: tuple[Home, date], fate: Fate, ago: int) -> None:
        """A deliverer speaks of a door, at once, late, or after a fortnight."""
        self.tap_at(*stop, fate, ago=timedelta(hours=ago))

    @precondition(lambda self: self.dairy.orders and self.has_time())
    @rule(told=st.lists(fates, min_size=1, max_size=3))
    def morning_round(self, told: list[Fate]) -> None:
        """The next morning: every door of the day gets its tap."""
        self.pass_to(local_instant(self.dairy.today + DAY, SEVEN))
        doors = [stop for stop in self.dairy.stops() if stop[1] == self.dairy.today]
        for number, stop in enumerate(doors):
            self.tap_at(*stop, told[number % len(told)], ago=timedelta(minutes=number))

    def tap_at(self, home: Home, day: date, fate: Fate, *, ago: timedelta) -> None:
        """Say what was left at a door: everything, one bottle less, or nothing."""
        due = self.dairy.at_door(home, day)
        less, reason = fate
        counts = [max(0, one.due - less) for one in due]
        if less == 1:
            counts[1:] = [one.due for one in due[1:]]
        code, at, event_id = self.stand.do(
            self.hands.tap(home, day, due, counts=counts, reason=reason, ago=ago)
        )
        expected = self.dairy.tap(home, day, counts=counts, reason=reason, at=at, by=event_id)
        assert code == expected, code

    # Refunds

    @precondition(lambda self: any(refund.status == "processing" for refund in self.dairy.refunds))
    @rule()
    def refunds_arrive(self) -> None:
        """Refunds at the channel end."""
        self.stand.do(self.hands.refunds_arrive())
        self.dairy.hear()
        for refund in self.dairy.refunds:
            if refund.status == "processing":
                self.dairy.refund_arrives(refund)

    @precondition(lambda self: self.by_hand())
    @rule(
        refund=one_of(lambda machine: machine.by_hand()),
        step=st.sampled_from(["approve", "paid-out"]),
    )
    def refund_by_hand(self, refund: Refund, step: str) -> None:
        """Finance approves a refund of cash or card, or pays it out."""
        refund_id = self.stand.do(self._refund_of(refund.order))
        code = self.stand.do(self.hands.refund_step(refund_id, step))
        if refund.status == "requested" and step == "approve":
            refund.status = "approved"
        elif refund.status == "approved" and step == "paid-out":
            self.dairy.refund_arrives(refund)
        else:
            assert code == "move_not_allowed", code
            return
        assert code is None, code

    async def _refund_of(self, order: Order | Dearer) -> str:
        async with self.stand.database.transaction() as session:
            row = (
                await session.execute(
                    text("SELECT customer_id, refund_id FROM refunds WHERE reference_id = :order"),
                    {"order": order.row_id},
                )
            ).one()
        return public_pair("rfd", row.customer_id, row.refund_id)

    # Tickets

    @precondition(lambda self: self.confirmed())
    @rule(order=one_of(lambda machine: machine.confirmed()))
    def complain(self, order: Order) -> None:
        """A bottle leaked."""
        filed = self.stand.do(self.hands.complain(order))
        due_at = self.dairy.now + timedelta(hours=24)
        self.dairy.tickets.append(Ticket(filed["id"], order, due_at))

    @precondition(lambda self: self.dairy.tickets)
    @rule(
        ticket=one_of(lambda machine: machine.dairy.tickets),
        step=st.sampled_from(["reply", "resolve", "reopen", "return-visit"]),
        why=st.booleans(),
    )
    def at_desk(self, ticket: Ticket, step: str, why: bool) -> None:
        """The desk answers, resolves, takes up again, calls back."""
        late = self.dairy.now > ticket.due_at
        bodies: dict[str, dict[str, Any]] = {
            "reply": {"body": "您好，我们马上核实。"},
            "resolve": {"result": "已补送。"} | ({"late_reason": "下雪"} if why else {}),
            "reopen": {"reason": "还是漏"},
            "return-visit": {"reached": True, "score": 5},
        }
        body = bodies[step]
        code, answer = self.stand.do(self.hands.at_desk(ticket, step, body))
        moves = {
            ("open", "reply"): "answered",
            ("answered", "reply"): "answered",
            ("resolved", "reply"): "resolved",
            ("open", "resolve"): "resolved",
            ("answered", "resolve"): "resolved",
            ("resolved", "reopen"): "answered",
            ("closed", "reopen"): "answered",
            ("resolved", "return-visit"): "closed",
        }
        after = moves.get((ticket.status, step))
        if after is None:
            assert code in {"move_not_allowed", "ticket_finished"}, answer
        elif step == "resolve" and late and not why:
            assert code == "late_reason_missing", answer
        else:
            assert code is None, answer
            ticket.status = after
            if step == "reopen":
                ticket.reopened += 1
                ticket.due_at = self.dairy.now + timedelta(hours=24)

    @precondition(lambda self: self.dairy.tickets)
    @rule(
        ticket=one_of(lambda machine: machine.dairy.tickets), fen=st.sampled_from([1, 5000, 5001])
    )
    def credit(self, ticket: Ticket, fen: int) -> None:
        """The desk grants a credit, within its limit."""
        code, answer = self.stand.do(self.hands.at_desk(ticket, "compensate", {"credit_fen": fen}))
        if ticket.status == "closed":
            assert code == "ticket_finished", answer
        elif fen > 5000:
            assert code == "credit_above_limit", answer
        else:
            assert code is None, answer
            self.dairy.book("compensation", "balance", fen)

    @precondition(lambda self: self.dairy.tickets)
    @rule(
        ticket=one_of(lambda machine: machine.dairy.tickets),
        ahead=st.integers(0, 4),
        bottles=st.integers(1, 2),
    )
    def make_up(self, ticket: Ticket, ahead: int, bottles: int) -> None:
        """The desk has bottles brought again."""
        day = self.dairy.today + DAY * ahead
        wanted = {"make_up": {"service_date": day.isoformat(), "bottles": bottles}}
        code, answer = self.stand.do(self.hands.at_desk(ticket, "compensate", wanted))
        if ticket.status == "closed":
            assert code == "ticket_finished", answer
        elif not ahead:
            assert code == "make_up_too_late", answer
        elif self.dairy.served_from(ticket.order) > day:
            assert code == "address_not_served", answer
        elif day in self.dairy.shut:
            assert code == "day_closed", answer
        else:
            assert code is None, answer
            self.dairy.add_make_up(ticket.order, day, bottles)

    # Time

    @precondition(lambda self: self.has_time())
    @rule(how=st.sampled_from(["ten minutes", "an hour", "cut-off", "morning", "morning", "days"]))
    def time_passes(self, how: str) -> None:
        """A little while, past the cut-off, to seven in the morning, or four days."""
        now, today = self.dairy.now, self.dairy.today
        later = {
            "ten minutes": now + timedelta(minutes=10),
            "an hour": now + timedelta(hours=1),
            "cut-off": self.dairy.next_cutoff(),
            "morning": local_instant(today + DAY, SEVEN),
            "days": now + timedelta(days=4),
        }[how]
        self.pass_to(later)

    def pass_to(self, later: datetime) -> None:
        """The clock moves on, and the worker does its rounds."""
        self.stand.do(self.hands.pass_time(later))
        self.dairy.pass_time(later)
