"""The use cases of the cold chain, cut by noun; other packages import from here."""

from app.coldchain.repository.checks import (
    BlocksServed,
    CheckCount,
    CheckKind,
    TripCheck,
    TripQuestion,
)
from app.coldchain.repository.places import DeviceView
from app.coldchain.repository.slots import DeviceSlotCount
from app.coldchain.service.counting import (
    cold_store_counts,
    count_trip_checks,
    list_slots,
    list_trip_checks,
)
from app.coldchain.service.ingesting import NewReading, list_readings, record_readings
from app.coldchain.service.places import (
    create_device,
    create_store,
    get_store,
    list_devices,
    list_outages,
    list_stores,
    record_outage,
    retire_device,
    view_device,
)
from app.coldchain.service.silence import watch_silence
from app.coldchain.service.trips import (
    TripView,
    arrive,
    depart,
    end_leg,
    list_trips,
    load_trip,
    open_trip,
    record_handover,
    record_precool,
    record_share,
    start_leg,
    view_trip,
)

__all__ = [
    "BlocksServed",
    "CheckCount",
    "CheckKind",
    "DeviceSlotCount",
    "DeviceView",
    "NewReading",
    "TripCheck",
    "TripQuestion",
    "TripView",
    "arrive",
    "cold_store_counts",
    "count_trip_checks",
    "create_device",
    "create_store",
    "depart",
    "end_leg",
    "get_store",
    "list_devices",
    "list_outages",
    "list_readings",
    "list_slots",
    "list_stores",
    "list_trip_checks",
    "list_trips",
    "load_trip",
    "open_trip",
    "record_handover",
    "record_outage",
    "record_precool",
    "record_readings",
    "record_share",
    "retire_device",
    "start_leg",
    "view_device",
    "view_trip",
    "watch_silence",
]
