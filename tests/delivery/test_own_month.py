"""A deliverer sees his own month, as the operator's KPIs count it."""

from datetime import timedelta

from tests.delivery.conftest import AT_THE_DOOR, Round
from tests.factories.delivery import stop_done


async def test_the_month_counts_his_own_stops_only(morning: Round) -> None:
    await morning.send(stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR)))
    morning.clock.set(morning.clock.now() + timedelta(hours=2))
    months = [
        (await morning.client.get("/me/month", headers=staff.headers)).json()
        for staff in morning.world.deliverer_staff
    ]
    rates = [
        {item["key"]: (item["numerator"], item["denominator"]) for item in month["items"]}
        for month in months
    ]
    assert (months[0]["from_date"], months[0]["to_date"]) == ("2026-03-01", "2026-03-16")
    assert [rate["on_time_rate"] for rate in rates] == [(1, 2), (0, 1)]
    assert set(rates[0]) == {"on_time_rate", "satisfaction", "complaint_rate"}
