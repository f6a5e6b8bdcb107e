"""What people do, done through the API; each answers the refusal's code, or None when it went well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from app.aftersales import jobs as aftersales
from app.billing import jobs as billing
from app.billing.rules import channel_number
from app.core.clock import wall_now
from app.core.ids import new_id, public_pair, public_single, read_pair
from app.customers.service import AddressText, add_address
from app.delivery.jobs import run_freeze_and_plan
from app.identity.models import Role
from app.orders import jobs as orders
from simulators.channels.faults import FaultKind
from tests.factories.orders import order_body
from tests.factories.world import MORNING, Household, bearer, once
from tests.fixtures.jobs import drain
from tests.model.days import Rhythm
from tests.model.stand import Run, refunds_end
from tests.model.things import Brought, Dearer, Done, Home, Order, Ticket
from tests.orders.test_door_orders import SLIP, door_order

Json = dict[str, Any]


def code_of(answer: httpx.Response) -> str | None:
    """The refusal's code; a fault of the product fails the test at once."""
    assert answer.status_code < 500, answer.text
    return None if answer.status_code < 300 else str(answer.json()["code"])


@dataclass
class Hands:
    """Customers, deliverers, the desk, finance and the worker."""

    run: Run
    written: int = field(default=0)

    def staff(self, role: Role) -> dict[str, str]:
        """Authorization of a member of staff."""
        return self.run.stand.world.staff[role].headers

    def household(self, home: Home) -> Household:
        """The household of a home with a login."""
        return self.run.stand.homes[home.name]

    def who(self, home: Home) -> dict[str, str]:
        """The customer himself, or the desk for homes that have never logged in."""
        known = self.run.stand.homes.get(home.name)
        return self.staff(Role.SERVICE_AGENT) if known is None else bearer(known.token)

    async def post(
        self, path: str, body: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> httpx.Response:
        """A POST under a key of its own; the same one again is answered alike."""
        sent = headers | once()
        answer = await self.run.client.post(path, json=body, headers=sent)
        self.written += 1
        if answer.status_code < 300 and self.written % 4 == 0:
            again = await self.run.client.post(path, json=body, headers=sent)
            assert (again.status_code, again.content) == (answer.status_code, answer.content)
        await self.work()
        return answer

    async def work(self) -> None:
        """The worker's jobs that wait."""
        await drain(self.run.context)

    async def place(
        self, home: Home, rhythm: Rhythm, bottles: int, start: date | None
    ) -> tuple[str | None, Json]:
        """A household orders milk."""
        household = self.household(home)
        said: Json = {"pattern": rhythm.as_json(), "bottles": bottles}
        if start is not None:
            said["start_date"] = start.isoformat()
        body = order_body(self.run.stand.world, household, **said)
        answer = await self.post("/orders", body, bearer(household.token))
        return code_of(answer), answer.json()

    async def order_at_door(
        self, rhythm: Rhythm, bottles: int, fen: int, *, number: int, by_card: bool
    ) -> Json:
        """A deliverer writes an order down."""
        phone = f"1370000{number:04d}"
        said: Json = {
            "phone": phone,
            "pattern": rhythm.as_json(),
            "bottles": bottles,
            "amount_fen": fen,
            "taken_at": self.run.stand.clock.at.isoformat(),
        }
        if by_card:
            said |= {"pay_channel": "pos", "pos_slip": SLIP | {"trace_no": f"{number:06d}"}}
        body = door_order(self.run.stand.world, **said)
        by = self.run.stand.world.deliverer_staff[0].headers
        answer = await self.post("/offline-orders", body, by)
        assert answer.status_code == 201, answer.text
        again = await self.post("/offline-orders", body, by)
        assert again.json() == answer.json() | {"repeated": True}
        found: Json = answer.json()
        return found

    async def ask_for_dearer(self, order: Order) -> Json | None:
        """Ask for a dearer product, for money; none where it cannot be or costs nothing."""
        yogurt = public_single("prd", self.run.stand.world.yogurt_id)
        wanted = {"kind": "swap", "product_id": yogurt, "settle": "money"}
        path, who = f"/orders/{order.id}/changes", self.who(order.home)
        shown = await self.run.client.post(f"{path}/preview", json=wanted, headers=who)
        if code_of(shown) or not shown.json()["pay_fen"]:
            return None
        done = await self.post(path, {"token": shown.json()["token"]}, who)
        assert (done.status_code, done.json()["status"]) == (201, "awaiting_payment"), done.text
        found: Json = done.json()
        return found

    async def pay(self, order: Order, *, notices: int) -> tuple[str | None, str]:
        """Start a payment and pay it at the channel; its word may come late or often."""
        return await self._pay(f"/orders/{order.id}/payments", order, notices=notices)

    async def pay_dearer(self, change: Dearer) -> tuple[str | None, str]:
        """The same for a change that costs money; the word comes later."""
        path = f"/orders/{change.order.id}/changes/{change.id}/payments"
        return await self._pay(path, change.order, notices=1)

    async def _pay(self, path: str, order: Order, *, notices: int) -> tuple[str | None, str]:
        answer = await self.post(path, {"method": "native"}, self.who(order.home))
        if code := code_of(answer):
            return code, ""
        number = channel_number("P", read_pair("pay", answer.json()["id"])[1])
        if notices > 1:
            self.run.payments.fault(FaultKind.NOTIFY_DUPLICATE, times=notices, reference=number)
        self.run.payments.pay(number, late=True)
        return None, number

    async def hear(self) -> None:
        """The channel's words arrive."""
        await self.run.payments.deliver_notifications()
        await self.work()

    async def refunds_arrive(self) -> None:
        """Refunds at the channel end, also those of words still on their way."""
        await self.hear()
        await refunds_end(self.run.payments)
        await self.work()

    async def review(self, order: Order, *, approve: bool) -> str | None:
        """A reviewer decides."""
        block = public_single("blk", self.run.stand.world.blocks[0])
        body = (
            {"decision": "approve", "block_id": block}
            if approve
            else {"decision": "reject", "reason": "太远"}
        )
        answer = await self.post(f"/orders/{order.id}/review", body, self.staff(Role.REVIEWER))
        return code_of(answer)

    async def change(self, order: Order, wanted: Json, *, twice: bool) -> tuple[str | None, str]:
        """Preview a change and do it; a second click with the same preview does nothing."""
        path, who = f"/orders/{order.id}/changes", self.who(order.home)
        shown = await self.run.client.post(f"{path}/preview", json=wanted, headers=who)
        if code := code_of(shown):
            return code, ""
        token = {"token": shown.json()["token"]}
        done = await self.post(path, token, who)
        assert done.status_code == 201, done.text
        if twice:
            again = code_of(await self.post(path, token, who))
            assert again in {"preview_outdated", "order_finished"}, again
        return None, done.json()["id"]

    async def renew(self, order: Order) -> tuple[str | None, Json]:
        """Renew an order; answers the new one."""
        wanted = {"kind": "renew", "agreement_version": "2026-01"}
        path, who = f"/orders/{order.id}/changes", self.who(order.home)
        shown = await self.run.client.post(f"{path}/preview", json=wanted, headers=who)
        if code := code_of(shown):
            return code, {}
        done = await self.post(path, {"token": shown.json()["token"]}, who)
        assert done.status_code == 201, done.text
        made = await self.run.client.get(f"/orders/{done.json()['renewal_order_id']}", headers=who)
        assert made.status_code == 200, made.text
        found: Json = made.json()
        return None, found

    async def add_address(self, home: Home) -> UUID:
        """One more address of a household, in the same block."""
        address = AddressText(
            city_code="310000",
            district="徐汇区",
            street="",
            house_no="90号",
            compound="梅陇一村",
            longitude=None,
            latitude=None,
            door="502室",
            recipient="王女士",
            phone="13900000001",
        )
        async with self.run.stand.database.transaction() as session:
            made = await add_address(
                session, customer_id=home.customer_id, address=address, now=MORNING
            )
        return made.address_id

    async def undo(self, order: Order, done: Done) -> str | None:
        """Take a change back."""
        path = f"/orders/{order.id}/changes/{done.id}/undo"
        return code_of(await self.post(path, None, self.who(order.home)))

    async def withdraw(self, day: date) -> str | None:
        """The operator takes a day out."""
        station = public_single("stn", self.run.stand.world.station_id)
        answer = await self.post(
            f"/stations/{station}/plan-days/{day}/withdraw",
            {"reason": "台风停送"},
            self.staff(Role.MANAGER),
        )
        return code_of(answer)

    async def tap(
        self,
        home: Home,
        day: date,
        stop: list[Brought],
        *,
        counts: list[int],
        reason: str | None,
        ago: timedelta,
    ) -> tuple[str | None, datetime, UUID]:
        """A phone says what was left at a door, then says it again."""
        sent_at, event_id = wall_now(), new_id()
        said: Json = {
            "event_id": str(event_id),
            "kind": "stop_done",
            "device_at": (sent_at - ago).isoformat(),
            "stop": public_pair("adr", home.customer_id, home.address_id),
            "service_date": day.isoformat(),
            "outcome": "delivered" if any(counts) else "not_delivered",
        }
        if reason is not None:
            said["reason"] = reason
        if any(counts):
            said["deliveries"] = [
                {
                    "line": public_pair("lin", home.customer_id, one.order.line_id),
                    "delivery_no": one.no,
                    "delivered_quantity": count,
                }
                for one, count in zip(stop, counts, strict=True)
                if count != one.due
            ]
        first = await self._sync(said, sent_at)
        again = await self._sync(said, sent_at + timedelta(seconds=30))
        assert (again["repeated"], again.get("code")) == (True, first.get("code"))
        return first.get("code"), self.run.stand.clock.at - ago, event_id

    async def _sync(self, event: Json, sent_at: datetime) -> Json:
        answer = await self.run.client.post(
            "/sync",
            json={"batch_id": str(new_id()), "sent_at": sent_at.isoformat(), "events": [event]},
            headers=self.run.stand.world.deliverer_staff[0].headers,
        )
        assert answer.status_code == 200, answer.text
        await self.work()
        found: Json = answer.json()["answers"][0]
        return found

    async def refund_step(self, refund_id: str, step: str) -> str | None:
        """Finance approves, or notes that money was handed over."""
        body = {"evidence": "收条 0007"} if step == "paid-out" else None
        answer = await self.post(f"/refunds/{refund_id}/{step}", body, self.staff(Role.FINANCE))
        return code_of(answer)

    async def complain(self, order: Order) -> Json:
        """A customer complains, or the desk writes it down for him."""
        body: Json = {
            "kind": "complaint",
            "category": "leaking",
            "body": "奶瓶漏了。",
            "order_line_id": public_pair("lin", order.home.customer_id, order.line_id),
        }
        if order.home.name not in self.run.stand.homes:
            body["channel"] = "phone"
        answer = await self.post("/tickets", body, self.who(order.home))
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def at_desk(self, ticket: Ticket, step: str, body: Json) -> tuple[str | None, Json]:
        """One step of the service desk."""
        answer = await self.post(
            f"/tickets/{ticket.id}/{step}", body, self.staff(Role.SERVICE_AGENT)
        )
        return code_of(answer), answer.json()

    async def pass_time(self, now: datetime) -> None:
        """The clock moves on, and the worker does its rounds."""
        self.run.stand.clock.set(now)
        context = self.run.context
        for rounds in (
            run_freeze_and_plan,
            billing.sweep,
            orders.sweep,
            orders.complete_ended,
            aftersales.watch_tickets,
        ):
            await rounds(context, {})
            await self.work()
