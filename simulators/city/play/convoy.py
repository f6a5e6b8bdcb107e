"""Vans and thermometers: pre-cool, load, drive, hand over; one van warms up on the way."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from simulators.city.play.agenda import Work
from simulators.city.play.script import BEGINS, ENDS, draw
from simulators.city.play.stage import Stage

WHO = "quality"
MOST_READINGS = 5_000
READ_EVERY = timedelta(minutes=10)
OLDEST_READING = timedelta(days=14)
OLDEST_TRIP = timedelta(days=6)
"""The product opens trips of a week around today."""


class Van:
    """A van's trip of one morning; each step carries its own time, and a step done is left."""

    def __init__(self, stage: Stage, vehicle: dict[str, Any], *, warm: bool) -> None:
        self._stage = stage
        self._vehicle = vehicle
        self._warm = warm
        self._luck = draw(stage.seed, stage.on, vehicle["plate"])
        start = stage.at(BEGINS) + timedelta(seconds=self._luck.randint(30, 120))
        minutes = (0, 5, 6, 8, 20, 21, 24)
        (
            self.precool_at,
            self.loaded_at,
            self.checked_at,
            self.departs_at,
            self.arrives_at,
            self.delivers_at,
            self.ends_at,
        ) = (start + timedelta(minutes=each) for each in minutes)

    def prepare(self) -> None:
        """Put departure and arrival on the agenda."""
        agenda, plate = self._stage.agenda, self._vehicle["plate"]
        agenda.put(self.departs_at, f"{plate} departs", self.depart, chain=plate)
        agenda.put(self.ends_at, f"{plate} arrives", self.arrive, chain=plate)

    def celsius(self, at: datetime) -> float:
        """What the cabin's thermometer shows."""
        warm = 5.0 if self._warm and at > self.departs_at + timedelta(minutes=3) else 0.0
        return round(3.0 + draw(self._stage.seed, self._vehicle["id"], at).random() * 2 + warm, 1)

    async def _trip(self) -> dict[str, Any]:
        stage, vehicle = self._stage, self._vehicle["id"]
        known = await stage.api.get("/trips", who=WHO, from_=stage.on, to=stage.on, vehicle=vehicle)
        if known["items"]:
            first: dict[str, Any] = known["items"][0]
            return first
        opened: dict[str, Any] = await stage.api.post(
            "/trips",
            {"vehicle": vehicle, "service_date": stage.on.isoformat()},
            who=WHO,
            key=stage.key("trip", vehicle),
        )
        return opened

    async def depart(self) -> None:
        """Pre-cool a clean cabin, load, check the product, leave (S1 4.4.3-4.4.5)."""
        trip = await self._trip()
        path = f"/trips/{trip['id']}"
        if trip["precool_at"] is None:
            celsius = 9.0 + self._luck.randint(0, 40) / 10
            await self._step(path, "precool", self.precool_at, celsius=celsius, cleaned=True)
        if trip["loaded_at"] is None:
            await self._step(path, "load", self.loaded_at)
        await self._hand_over(trip, "loading", self.checked_at, 3.8)
        if trip["departed_at"] is None:
            await self._step(path, "depart", self.departs_at)
        if not trip["legs"]:
            await self._step(path, "legs", self.departs_at, key="leg")
            self._stage.done["vans"] += 1

    async def arrive(self) -> None:
        """End the leg, arrive, hand over to the station and to each deliverer (S1 4.4.6)."""
        stage = self._stage
        trip = await self._trip()
        path = f"/trips/{trip['id']}"
        if trip["legs"] and trip["legs"][0]["ended_at"] is None:
            await self._step(path, "legs/1/end", self.arrives_at)
        if trip["arrived_at"] is None:
            await self._step(path, "arrive", self.arrives_at)
        extra = 3.2 if self._warm else 0.0
        await self._hand_over(trip, "vehicle_to_station", self.delivers_at, 4.3 + extra)
        sheets = await stage.api.get("/routes", who="manager", date=stage.on)
        for sheet in sheets["items"]:
            if sheet["station_id"] == trip["station"]:
                block = sheet["block_id"]
                warmth = 4.4 + extra / 4  # cooled again in the store
                await self._hand_over(
                    trip, "station_to_deliverer", self.ends_at, warmth, block=block
                )

    async def _step(
        self, path: str, step: str, at: datetime, *, key: str | None = None, **said: object
    ) -> None:
        once = None if key is None else self._stage.key(path, key)
        body = {"at": at.isoformat(), **said}
        await self._stage.api.post(f"{path}/{step}", body, who=WHO, key=once)

    async def _hand_over(
        self,
        trip: dict[str, Any],
        kind: str,
        at: datetime,
        celsius: float,
        *,
        block: str | None = None,
    ) -> None:
        if any(done["kind"] == kind and done["block"] == block for done in trip["handovers"]):
            return
        path = f"/trips/{trip['id']}"
        spread = draw(self._stage.seed, path, kind, block).uniform(-0.6, 0.6)
        said: dict[str, object] = {"kind": kind, "celsius": round(celsius + spread, 1)}
        if block is not None:
            said["block"] = block
        await self._step(path, "handovers", at, key=f"{kind}:{block}", **said)


class Thermometers:
    """Every device of the city, from its last reading on: a gateway that was off catches up."""

    def __init__(self, stage: Stage, vans: dict[str, Van]) -> None:
        self._stage = stage
        self._vans = vans

    async def send(self, *, until: datetime | None = None) -> None:
        """Send what was measured since each device's last reading."""
        stage = self._stage
        end = until or stage.clock.now()
        devices = await stage.api.list_all("/coldchain/devices", who=WHO)
        readings = [reading for device in devices for reading in self._since_last(device, end)]
        for start in range(0, len(readings), MOST_READINGS):
            answer = await stage.api.post(
                "/coldchain/readings",
                {"readings": readings[start : start + MOST_READINGS]},
                who=WHO,
            )
            stage.done["readings"] += answer["accepted"]

    def _since_last(self, device: dict[str, Any], end: datetime) -> list[dict[str, Any]]:
        step = timedelta(seconds=device["slot_seconds"])
        last = device["last_at"] or device["in_service_from"]
        begin = max(datetime.fromisoformat(last), end - OLDEST_READING)
        van = self._vans.get(device["vehicle"] or "")
        if device["vehicle"] is not None:
            if van is None:
                return []
            # One more at the end: a leg without its last slot would count as silent.
            begin, end = max(begin, van.precool_at), min(end, van.ends_at + step)
        seconds = step.total_seconds()
        at = datetime.fromtimestamp((begin.timestamp() // seconds + 1) * seconds, tz=begin.tzinfo)
        found = []
        while at <= end:
            celsius = self._store_celsius(device, at) if van is None else van.celsius(at)
            found.append({"device": device["code"], "at": at.isoformat(), "celsius": celsius})
            at += step
        return found

    def _store_celsius(self, device: dict[str, Any], at: datetime) -> float:
        luck = draw(self._stage.seed, device["code"], int(at.timestamp()))
        return round(3.2 + luck.random() * 2 + (2.4 if luck.randrange(97) == 0 else 0.0), 1)


class Convoy:
    """Vans and thermometers of one morning."""

    def __init__(self, stage: Stage, vehicles: Sequence[dict[str, Any]]) -> None:
        self._stage = stage
        active = [vehicle for vehicle in vehicles if vehicle["is_active"]]
        by_station: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for vehicle in active:
            by_station[vehicle["station"]].append(vehicle)
        chosen = [found[0] for found in by_station.values()]
        warm = draw(stage.seed, stage.on, "warm van").choice(chosen)["id"] if chosen else None
        self.vans = {
            vehicle["id"]: Van(stage, vehicle, warm=vehicle["id"] == warm) for vehicle in chosen
        }
        self.thermometers = Thermometers(stage, self.vans)

    def prepare(self) -> None:
        """Put trips and readings on the agenda."""
        stage = self._stage
        now = stage.clock.now()
        if stage.at(BEGINS) >= now - OLDEST_TRIP:
            for van in self.vans.values():
                van.prepare()
        at = stage.at(BEGINS)
        while not stage.is_past and at < stage.at(ENDS):
            if at + READ_EVERY > now:
                self._measure(at, self.thermometers.send)
            at += READ_EVERY
        self._measure(stage.at(ENDS), self._send_the_last)

    def _measure(self, at: datetime, work: Work) -> None:
        self._stage.agenda.put(at, "thermometers", work, chain="thermometers")

    async def _send_the_last(self) -> None:
        await self.thermometers.send(until=self._stage.at(ENDS))
