"""Deliverers: they log in, read their sheets, and tap door after door; their phones send."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from simulators.city.play.script import (
    BEGINS,
    COLLECTS,
    SYNC_EVERY,
    Tap,
    draw,
    made_id,
    network_at,
    write_round,
)
from simulators.city.play.stage import Fault, Stage

MOST_EVENTS = 200
STAND_IN_AT = time(3, 50)
BETWEEN_ROUNDS = timedelta(minutes=10)
DOOR_ORDER_BOTTLES = 30


class Phone:
    """A deliverer's phone on one morning."""

    def __init__(self, stage: Stage, login: str) -> None:
        self._stage = stage
        self.login = login
        self.deliverer_id = ""
        self.station_id = ""
        self._unsent: list[tuple[datetime, list[dict[str, Any]]]] = []
        self._network_at = network_at(
            stage.seed,
            stage.on,
            login,
            phones_offline=Fault.PHONES_OFFLINE in stage.faults,
        )

    async def clock_in(self) -> None:
        """Log in, and learn who one is."""
        me = await self._stage.api.get("/auth/me", who=self.login)
        self.deliverer_id, self.station_id = me["deliverer_id"], me["station_id"]

    async def collect(self) -> None:
        """Take the sheets of the morning, and plan when the phone sends."""
        stage = self._stage
        found = await stage.api.get("/routes", who=self.login, date=stage.on)
        free_at = stage.at(time(4, 0))
        for number, sheet in enumerate(found["items"]):
            block = sheet["block_id"]
            full = await stage.api.get(f"/routes/{block}/{stage.on}", who=self.login)
            taps = write_round(stage.seed, stage.on, block, full["items"], not_before=free_at)
            if not taps:
                continue
            free_at = taps[-1].at + BETWEEN_ROUNDS
            self._unsent += [(tap.at, events) for tap in taps if (events := self._said(tap))]
            if number == 0 and self._sells_today:
                await self._write_down_an_order(full["items"], taps)
        self._unsent.sort(key=lambda entry: entry[0])
        self._plan_sending()

    def _said(self, tap: Tap) -> list[dict[str, Any]]:
        return tap.events(self._stage.seed, self._stage.on)

    @property
    def _sells_today(self) -> bool:
        """Two deliverers a morning are asked at a door; nobody is on a morning made up."""
        stage = self._stage
        asked = draw(stage.seed, stage.on, "door orders").sample(
            stage.deliverers, min(2, len(stage.deliverers))
        )
        return self.login in asked and not stage.is_past

    async def _write_down_an_order(
        self, stops: Sequence[dict[str, Any]], taps: Sequence[Tap]
    ) -> None:
        """A neighbour stops the deliverer and pays cash for a bottle a day."""
        stage = self._stage
        luck = draw(stage.seed, stage.on, self.login, "door order")
        place = luck.randrange(len(stops))
        stop, at = stops[place], taps[place].at + timedelta(seconds=20)
        product = (await stage.api.get("/products"))["items"][0]
        agreement = await stage.api.get("/order-agreement")
        phone = f"188{luck.randrange(10**8):08d}"
        identity = made_id(stage.seed, stage.on, self.login, "door order")
        order = {
            "client_order_id": str(identity),
            "customer_name": "新订户",
            "phone": phone,
            "address": {
                "city_code": "310000",
                "district": stop["district"],
                "street": stop["street"],
                "house_no": stop["house_no"],
                "compound": stop["compound"],
                "door": f"{luck.randint(1, 6)}0{luck.randint(1, 4)}室",
                "recipient": "新订户",
                "phone": phone,
            },
            "product_id": product["id"],
            "pattern": {"kind": "every_days", "quantity": 1},
            "bottles": DOOR_ORDER_BOTTLES,
            "amount_fen": DOOR_ORDER_BOTTLES * product["price_fen"],
            "pay_channel": "cash",
            "receipt_no": f"R-{identity.hex[-10:]}",
            "agreement_version": agreement["version"],
            "taken_at": at.isoformat(),
        }
        event = {
            "event_id": str(made_id(stage.seed, stage.on, self.login, "offline order")),
            "kind": "offline_order",
            "device_at": at.isoformat(),
            "order": order,
        }
        self._unsent.append((at, [event]))

    def _plan_sending(self) -> None:
        """Every ten minutes while there is a network, each phone at its own minute."""
        if not self._unsent:
            return
        stage = self._stage
        last = self._unsent[-1][0]
        if stage.is_past:
            self._plan_to_send(last)
            return
        phase = timedelta(seconds=draw(stage.seed, self.login).randrange(600))
        at = stage.at(time(4, 0)) + phase
        while True:
            seen_at = max(at, self._network_at or at)
            self._plan_to_send(seen_at)
            if seen_at >= last:
                return
            at = seen_at + SYNC_EVERY

    def _plan_to_send(self, at: datetime) -> None:
        """A batch that is slow is waited for, so that nothing is sent twice."""
        self._stage.agenda.put(at, f"{self.login} sends", self.send, chain=self.login)

    async def send(self) -> None:
        """Send what has been tapped so far."""
        stage = self._stage
        now = stage.clock.now()
        ready = [entry for entry in self._unsent if stage.is_past or entry[0] <= now]
        events = [event for _, said in ready for event in said]
        for start in range(0, len(events), MOST_EVENTS):
            batch = events[start : start + MOST_EVENTS]
            answer = await stage.api.post(
                "/sync",
                {
                    "batch_id": str(made_id(batch[0]["event_id"], len(batch))),
                    "sent_at": stage.clock.now().isoformat(),
                    "events": batch,
                },
                who=self.login,
            )
            self._count(answer["answers"])
        self._unsent = [entry for entry in self._unsent if entry not in ready]

    def _count(self, answers: Sequence[dict[str, Any]]) -> None:
        stage = self._stage
        for one in answers:
            stage.done[one["status"]] += 1
            if one["status"] == "refused":
                stage.say(f"{self.login}: {one['code']} {one.get('title', '')}")


class Rounds:
    """All deliverers of a morning, and who steps in for the one who is ill."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.phones = [Phone(stage, login) for login in stage.deliverers]
        self._ill: Phone | None = None
        if Fault.DELIVERER_ILL in stage.faults and self.phones:
            self._ill = draw(stage.seed, stage.on, "ill").choice(self.phones)

    def prepare(self) -> None:
        """Put the morning of every deliverer on the agenda."""
        stage = self._stage
        for phone in self.phones:
            stage.agenda.put(stage.at(BEGINS), f"{phone.login} logs in", phone.clock_in)
            if phone is not self._ill:
                stage.agenda.put(
                    stage.at(COLLECTS), f"{phone.login} collects", phone.collect, is_next_act=True
                )
        if self._ill is not None:
            stage.agenda.put(stage.at(STAND_IN_AT), "stand-in", self._hand_over, is_next_act=True)

    async def _hand_over(self) -> None:
        """The manager gives the rounds of the one who is ill to a colleague of the station."""
        stage, ill = self._stage, self._ill
        if ill is None:
            return
        others = [
            phone
            for phone in self.phones
            if phone is not ill and phone.station_id == ill.station_id and phone.deliverer_id
        ]
        if not others:
            stage.agenda.failures.append("nobody is there to stand in")
            return
        stand_in = draw(stage.seed, stage.on, "stand-in").choice(others)
        sheets = await stage.api.get("/routes", who="manager", date=stage.on)
        for sheet in sheets["items"]:
            if sheet["deliverer_id"] == ill.deliverer_id:
                await stage.api.post(
                    f"/routes/{sheet['block_id']}/{stage.on}/stand-in",
                    {"deliverer_id": stand_in.deliverer_id},
                    who="manager",
                )
                stage.say(f"{ill.login} 病假，由 {stand_in.login} 代送 is ill, handed over")
