"""What households do: order, pay, change, complain; and what deliverers write down for them."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import text

from app.core.ids import public_pair, read_pair
from tests.model.changes import DO, Wish, change, move, renew, undo
from tests.model.dairy import MILK_FEN
from tests.model.days import DAY, Rhythm
from tests.model.machine import Machine, one_of
from tests.model.things import Dearer, Home, Money, Order
from tests.orders.test_door_orders import SLIP

rhythms = st.sampled_from(
    [
        Rhythm(),
        Rhythm(bottles=2),
        Rhythm(every=2),
        Rhythm(every=3, bottles=2),
        Rhythm(week=(1, 0, 1, 0, 1, 0, 2)),
    ]
)


class Households(Machine):
    """Rules of households."""

    # Ordering and paying

    @rule(
        home=one_of(lambda machine: machine.homes),
        rhythm=rhythms,
        bottles=st.integers(1, 9),
        ahead=st.one_of(st.none(), st.integers(0, 5)),
        pays=st.sampled_from([True, True, False]),
    )
    def order(
        self, home: Home, rhythm: Rhythm, bottles: int, ahead: int | None, pays: bool
    ) -> None:
        """A household orders, and mostly pays at once."""
        dairy = self.dairy
        earliest = dairy.first_open() if home.verdict == "covered" else dairy.today + DAY * 2
        start = None if ahead is None else dairy.today + DAY * ahead
        code, placed = self.stand.do(self.hands.place(home, rhythm, bottles, start))
        if start is not None and start < earliest:
            assert code == "start_too_early", code
            return
        assert code is None, placed
        dairy.orders.append(
            Order(
                id=placed["id"],
                home=home,
                line_id=read_pair("lin", placed["lines"][0]["id"])[1],
                rhythm=rhythm,
                bottles=bottles,
                price=bottles * MILK_FEN,
                wished=start or earliest,
                placed_at=dairy.now,
            )
        )
        if pays:
            self.pay_for(dairy.orders[-1], notices=1)

    @precondition(lambda self: self.payable())
    @rule(order=one_of(lambda machine: machine.payable()), notices=st.sampled_from([0, 1, 1, 3]))
    def pay(self, order: Order, notices: int) -> None:
        """He pays; the channel's word comes at once, often, or later."""
        self.pay_for(order, notices=notices)

    def pay_for(self, order: Order, *, notices: int) -> None:
        """Pay at the channel, which says so `notices` times."""
        code, number = self.stand.do(self.hands.pay(order, notices=notices))
        open_until = order.placed_at + timedelta(minutes=30)
        if order.status != "pending_payment" or self.dairy.now >= open_until:
            assert code == "order_not_payable", code
            return
        assert code is None, code
        order.payments.append(Money(number, paid=True))
        if notices:
            self.words_arrive()

    @precondition(lambda self: self.waiting())
    @rule()
    def words_arrive(self) -> None:
        """The channel's words on their way arrive."""
        self.stand.do(self.hands.hear())
        self.dairy.hear()

    @precondition(lambda self: self.dairy.orders)
    @rule(order=one_of(lambda machine: machine.unclear()), approve=st.booleans())
    def review(self, order: Order, approve: bool) -> None:
        """A reviewer decides about an address."""
        code = self.stand.do(self.hands.review(order, approve=approve))
        if order.status != "under_review":
            assert code == "no_review_waiting", code
            return
        assert code is None, code
        if approve:
            self.dairy.confirm(order)
        else:
            self.dairy.reject(order)

    @rule(rhythm=rhythms, bottles=st.integers(2, 9), fen=st.integers(1, 5000), card=st.booleans())
    def order_at_door(self, rhythm: Rhythm, bottles: int, fen: int, card: bool) -> None:
        """A deliverer writes an order down, for cash or by card."""
        self.doors += 1
        placed = self.stand.do(
            self.hands.order_at_door(rhythm, bottles, fen, number=self.doors, by_card=card)
        )
        home, line_id = self.stand.do(self._find(placed["order_id"]))
        deliverer = self.stand.world.deliverers[0]
        self.dairy.take_at_door(
            Order(
                id=placed["order_id"],
                home=home,
                line_id=line_id,
                rhythm=rhythm,
                bottles=bottles,
                price=fen,
                wished=self.dairy.today,
                placed_at=self.dairy.now,
                door=f"pos:{SLIP['merchant_no']}" if card else f"cash:{deliverer}",
            )
        )

    async def _find(self, order_id: str) -> tuple[Home, Any]:
        customer_id, row_id = read_pair("ord", order_id)
        async with self.stand.database.transaction() as session:
            row = (
                await session.execute(
                    text(
                        "SELECT o.address_id, l.order_line_id FROM orders o"
                        " JOIN order_lines l USING (customer_id, order_id)"
                        " WHERE o.customer_id = :customer AND o.order_id = :order"
                    ),
                    {"customer": customer_id, "order": row_id},
                )
            ).one()
        name = f"door {self.doors}"
        return Home(name, customer_id, row.address_id, "covered"), row.order_line_id

    # Changes

    @precondition(lambda self: self.dairy.orders)
    @rule(
        order=one_of(lambda machine: machine.running()),
        kind=st.sampled_from(sorted(DO)),
        ahead=st.integers(0, 6),
        length=st.one_of(st.none(), st.integers(-1, 4)),
        money=st.booleans(),
        quantity=st.integers(0, 4),
        rhythm=rhythms,
        twice=st.booleans(),
    )
    def change(
        self,
        order: Order,
        kind: str,
        ahead: int,
        length: int | None,
        money: bool,
        quantity: int,
        rhythm: Rhythm,
        twice: bool,
    ) -> None:
        """Any change that needs no payment, from some day on."""
        first = self.dairy.today + DAY * ahead
        last = None if length is None else first + DAY * length
        wish = Wish(
            kind=kind,
            first=first,
            last=first if kind == "skip" else last,
            money=money,
            quantity=quantity,
            rhythm=rhythm,
        )
        code, change_id = self.stand.do(self.hands.change(order, wish.as_json(), twice=twice))
        assert code == change(self.dairy, order, wish), code
        if code is None:
            order.changes[-1].id = change_id

    @precondition(lambda self: self.renewable() and self.has_time())
    @rule(order=one_of(lambda machine: machine.renewable()), pays=st.sampled_from([True, False]))
    def renew(self, order: Order, pays: bool) -> None:
        """He renews, and pays at once or later."""
        code, made = self.stand.do(self.hands.renew(order))
        renewal = renew(self.dairy, order)
        if isinstance(renewal, str):
            assert code == renewal, code
            return
        assert (code, made["price_fen"]) == (None, renewal.price), made
        renewal.id = made["id"]
        renewal.line_id = read_pair("lin", made["lines"][0]["id"])[1]
        self.dairy.orders.append(renewal)
        if pays:
            self.pay_for(renewal, notices=1)

    @precondition(lambda self: any(one.door is None for one in self.running()))
    @rule(
        order=one_of(lambda machine: [one for one in machine.running() if one.door is None]),
        then=st.sampled_from(["waits", "cancels", "pays late", "pays twice"]),
    )
    def ask_for_dearer(self, order: Order, then: str) -> None:
        """He wants a dearer product, and cancels before he pays for it, if he does."""
        made = self.stand.do(self.hands.ask_for_dearer(order))
        if made is None:
            return
        until = self.dairy.now + timedelta(minutes=30)
        self.dairy.dearer.append(Dearer(made["id"], order, made["pay_fen"], until))
        if then != "waits":
            self.cancel_order(order, twice=False)
        if then.startswith("pays"):
            times = 2 if then == "pays twice" else 1
            self.pay_for_dearer(self.dairy.dearer[-1], times=times, late=times == 1)

    @precondition(lambda self: self.vain())
    @rule(
        change=one_of(lambda machine: machine.vain()), times=st.integers(1, 2), late=st.booleans()
    )
    def pay_in_vain(self, change: Dearer, times: int, late: bool) -> None:
        """He pays for it all the same, perhaps twice; the word comes at once or later."""
        self.pay_for_dearer(change, times=times, late=late)

    def pay_for_dearer(self, change: Dearer, *, times: int, late: bool) -> None:
        """Pay for what cannot happen any more."""
        for _ in range(times):
            code, number = self.stand.do(self.hands.pay_dearer(change))
            if change.status != "awaiting_payment" or change.until <= self.dairy.now:
                assert code == "change_not_payable", code
                return
            assert code is None, code
            change.payments.append(Money(number, paid=True))
        if not late:
            self.words_arrive()

    @precondition(lambda self: self.movable())
    @rule(
        order=one_of(lambda machine: machine.movable()),
        ahead=st.one_of(st.none(), st.integers(0, 4)),
        twice=st.booleans(),
    )
    def move(self, order: Order, ahead: int | None, twice: bool) -> None:
        """He moves: to his other address, or back."""
        home = order.home
        if home.other is None:
            other = self.stand.do(self.hands.add_address(home))
            home.other = Home(f"{home.name}, moved", home.customer_id, other, "covered")
        present = order.doors[-1][1] if order.doors else home
        there = home.other if present is home else home
        wished = None if ahead is None else self.dairy.today + DAY * ahead
        wanted = {
            "kind": "move",
            "address_id": public_pair("adr", home.customer_id, there.address_id),
            "from_date": wished and wished.isoformat(),
        }
        code, change_id = self.stand.do(self.hands.change(order, wanted, twice=twice))
        assert code == move(self.dairy, order, there, wished), code
        if code is None:
            order.changes[-1].id = change_id

    @precondition(lambda self: self.undoable())
    @rule(order=one_of(lambda machine: machine.undoable()), back=st.integers(1, 3))
    def undo(self, order: Order, back: int) -> None:
        """He takes one of his last changes back."""
        own = [done for done in order.changes if done.id]
        done = own[-min(back, len(own))]
        code = self.stand.do(self.hands.undo(order, done))
        assert code == undo(self.dairy, order, done), code

    @precondition(lambda self: self.dairy.orders)
    @rule(order=one_of(lambda machine: machine.dairy.orders), twice=st.booleans())
    def cancel(self, order: Order, twice: bool) -> None:
        """He has had enough."""
        self.cancel_order(order, twice=twice)

    def cancel_order(self, order: Order, *, twice: bool) -> None:
        """Cancel, with what the model expects."""
        code, _ = self.stand.do(self.hands.change(order, {"kind": "cancel"}, twice=twice))
        assert code == self.dairy.cancel(order), code
