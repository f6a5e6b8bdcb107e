"""Households: one orders from outside the area, some complain after seven; agents answer."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

from simulators.city.play.agenda import Work
from simulators.city.play.api import GaveUp, Refused
from simulators.city.play.script import COMPLAINS, draw
from simulators.city.play.stage import Stage

AGENT = "agent"
SMS_SECONDS, MONEY_SECONDS = 20.0, 90.0
"""How long somebody waits for an SMS, and we for a payment or refund to arrive, in real seconds."""
OUTSIDE = {"city_code": "310000", "district": "嘉定区", "street": "城中路", "house_no": "18号"}
ORDERS_AT = time(6, 20)
TOO_LATE = timedelta(minutes=30)
"""Nobody telephones about it that much later."""


@dataclass(frozen=True)
class Trouble:
    """What a household says, and how the desk settles it."""

    kind: str
    category: str
    body: str
    answer: str
    result: str


TASTE = Trouble(
    "complaint",
    "taste",
    "今天的奶味道不太对",
    "非常抱歉，请先不要饮用，我们马上核查批次",
    "已核查批次并向您致歉",
)
LEAKING = Trouble(
    "complaint", "leaking", "今天有一瓶漏了", "非常抱歉，明早为您补送一瓶", "已安排补送"
)
RENEWAL = Trouble(
    "consultation", "other", "想了解一下怎么续订", "您可以在小程序里续订，也可以告诉送奶员", "已告知续订办法"
)  # fmt: skip


CALLS = (LEAKING, TASTE, RENEWAL)


class Households:
    """Whoever telephones or taps on this morning."""

    def __init__(self, stage: Stage, *, customer_phone: str | None) -> None:
        self._stage = stage
        self._customer_phone = customer_phone

    def prepare(self) -> None:
        """Put them on the agenda; on a morning made up nobody was there."""
        stage = self._stage
        if stage.is_past:
            return
        self._put(stage.at(ORDERS_AT), "an order from outside", self._order_from_outside)
        first = stage.at(COMPLAINS)
        for number in range(len(CALLS)):
            at = first + timedelta(minutes=2 * number)
            self._put(at, f"call {number + 1}", partial(self._call, number, at))
        if self._customer_phone is not None:
            at = first + timedelta(minutes=1)
            self._put(at, "a complaint by app", partial(self._complain, at))

    def _put(self, at: datetime, name: str, work: Work) -> None:
        if at + TOO_LATE > self._stage.clock.now():
            self._stage.agenda.put(at, name, work)

    # -- by telephone and by app

    async def _call(self, number: int, at: datetime) -> None:
        """A household calls; the agent writes it down."""
        line = await self._some_line(number)
        if line is not None:
            await self._file(
                f"call {number}", CALLS[number], at, order_line_id=line, channel="phone"
            )

    async def _some_line(self, number: int) -> str | None:
        """What some door gets on this morning."""
        stage = self._stage
        luck = draw(stage.seed, stage.on, "call", number)
        login = luck.choice(stage.deliverers)
        sheets = (await stage.api.get("/routes", who=login, date=stage.on))["items"]
        if not sheets:
            return None
        sheet = await stage.api.get(f"/routes/{sheets[0]['block_id']}/{stage.on}", who=login)
        lines = [one["line_id"] for stop in sheet["items"] for one in stop["deliveries"]]
        return luck.choice(lines) if lines else None

    async def _complain(self, at: datetime) -> None:
        """A household logs in by SMS and complains in the app; without its code it calls."""
        stage, phone = self._stage, self._customer_phone or ""
        try:
            logged_in = await self._log_in(phone)
        except Refused as refusal:
            if refusal.status != 429:
                raise
            logged_in = False
        if not logged_in:
            await self._file("no code", RENEWAL, at, phone=phone, channel="phone")
            return
        orders = await stage.api.get("/orders", who=phone)
        order = orders["items"][0]["id"] if orders["items"] else None
        await self._file("app", LEAKING, at, who=phone, order_id=order, channel="app")

    async def _file(
        self, name: str, trouble: Trouble, at: datetime, *, who: str = AGENT, **about: object
    ) -> None:
        stage = self._stage
        said = {"kind": trouble.kind, "category": trouble.category, "body": trouble.body}
        if trouble is not RENEWAL and "order_line_id" in about:
            said["service_date"] = stage.on.isoformat()
        body = said | {key: value for key, value in about.items() if value is not None}
        ticket = await stage.api.post("/tickets", body, who=who, key=stage.key("ticket", name))
        stage.done["tickets"] += 1
        line = about.get("order_line_id")
        self._answer_later(f"/tickets/{ticket['id']}", trouble, at, line=line)

    def _answer_later(
        self, path: str, trouble: Trouble, at: datetime, *, line: object | None
    ) -> None:
        """Answered in five minutes, settled in ten, called back in fourteen."""
        stage = self._stage
        score = draw(stage.seed, stage.on, path).choice((3, 4, 4, 5, 5, 5))
        steps: list[tuple[int, str, dict[str, Any]]] = [(5, "reply", {"body": trouble.answer})]
        if trouble is LEAKING and line is not None:
            make_up = {
                "service_date": (stage.on + timedelta(days=1)).isoformat(),
                "bottles": 1,
                "order_line_id": line,
            }
            steps.append((8, "compensate", {"make_up": make_up}))
        steps += [
            (10, "resolve", {"result": trouble.result}),
            (14, "return-visit", {"reached": True, "score": score}),
        ]
        for minutes, step, body in steps:
            due_at = at + timedelta(minutes=minutes)
            work = self._at_desk(path, step, body)
            stage.agenda.put(due_at, f"{path} {step}", work, chain=path)

    def _at_desk(self, path: str, step: str, body: dict[str, Any]) -> Work:
        async def work() -> None:
            key = self._stage.key(path, step)
            await self._stage.api.post(f"{path}/{step}", body, who=AGENT, key=key)

        return work

    async def _log_in(self, phone: str) -> bool:
        """Log in with the code in the SMS; false when none comes."""
        stage = self._stage
        seen = {sms["biz_id"] for sms in await self._received(phone)}
        asked = await stage.api.post("/auth/sms-codes", {"phone": phone})
        codes: list[str] = []

        async def has_come() -> bool:
            fresh = [sms for sms in await self._received(phone) if sms["biz_id"] not in seen]
            codes[:] = [code for sms in fresh for code in re.findall(r"\d{6}", sms["text"])]
            return bool(codes)

        if not await stage.clock.until(has_come, seconds=SMS_SECONDS):
            stage.say("验证码短信没有到 no login code came")
            return False
        login = {"request_id": asked["request_id"], "phone": phone, "code": codes[0]}
        tokens = await stage.api.post("/auth/sms-login", login)
        stage.api.keep_token(phone, tokens["access_token"])
        return True

    async def _received(self, phone: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._stage.channels.get("/control/outbox", phone=phone)
        return found

    # -- an order from outside the area

    async def _order_from_outside(self) -> None:
        """Ordered and paid, rejected by its address, and the money goes back to WeChat."""
        stage = self._stage
        luck = draw(stage.seed, stage.on, "outside")
        phone = f"186{luck.randrange(10**8):08d}"
        if not await self._log_in(phone):
            return
        order = await self._place(phone)
        if order["status"] == "pending_payment" and not await self._pay(order["id"], phone):
            return
        rejected = await stage.clock.until(
            partial(self._is, "rejected", order["id"], phone), seconds=MONEY_SECONDS
        )
        if not rejected:
            raise GaveUp(f"order {order['order_no']} was not rejected")
        stage.done["rejected orders"] += 1
        refunded = await stage.clock.until(partial(self._is_refunded, phone), seconds=MONEY_SECONDS)
        if not refunded:
            raise GaveUp(f"order {order['order_no']} was not refunded")
        stage.done["refunds"] += 1

    async def _place(self, phone: str) -> dict[str, Any]:
        stage = self._stage
        address = await stage.api.post(
            "/me/addresses",
            OUTSIDE | {"door": "201室", "recipient": "沈女士", "phone": phone},
            who=phone,
            key=stage.key("outside address"),
        )
        product = (await stage.api.get("/products"))["items"][0]
        pattern = {"kind": "every_days", "quantity": 1}
        agreement = await stage.api.get("/order-agreement")
        placed = await stage.api.post(
            "/orders",
            {
                "address_id": address["id"],
                "agreement_version": agreement["version"],
                "lines": [{"product_id": product["id"], "bottles": 30, "pattern": pattern}],
                "source": "mini_program",
            },
            who=phone,
            key=stage.key("outside order"),
        )
        order: dict[str, Any] = await stage.api.get(f"/orders/{placed['id']}", who=phone)
        return order

    async def _pay(self, order: str, phone: str) -> bool:
        """Pay at the simulated cashier; false when the channel did not take the payment."""
        stage = self._stage
        started = await stage.api.post(
            f"/orders/{order}/payments",
            {"method": "native"},
            who=phone,
            key=stage.key("outside payment"),
        )
        if not started["handle"]:
            stage.say("支付渠道没有应答 the channel did not take the payment")
            return False
        code = started["handle"]["code_url"]
        cashier = await stage.channels.get("/wechat/cashier", code_url=code)
        number = cashier["location"].rpartition("/")[2]
        try:
            await stage.channels.post(f"/control/wechat/orders/{number}/pay", {})
        except Refused as refusal:
            if refusal.status != 409:
                raise
        return True

    async def _is(self, status: str, order: str, phone: str) -> bool:
        shown = await self._stage.api.get(f"/orders/{order}", who=phone)
        return bool(shown["status"] == status)

    async def _is_refunded(self, phone: str) -> bool:
        refunds = (await self._stage.api.get("/refunds", who=phone))["items"]
        return bool(refunds) and all(one["status"] == "succeeded" for one in refunds)
