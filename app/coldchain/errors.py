"""What can go wrong in the cold chain."""

from app.core.errors import Conflict, InvalidInput, NotFound


class ColdStoreUnknown(NotFound):
    """No such cold store, or not of the caller's station."""

    code = "cold_store_not_found"
    title = "没有找到该冷库"


class DeviceUnknown(NotFound):
    """No such device, or not of the caller's station."""

    code = "device_not_found"
    title = "没有找到该温度计"


class DeviceCodeTaken(Conflict):
    """Another device has this code."""

    code = "device_code_taken"
    title = "温度计编码已被使用"


class DeviceInvalid(InvalidInput):
    """A device stands in one place, its lower limit lies below the upper one."""

    code = "device_invalid"
    title = "温度计资料填写有误"


class DeviceRetired(Conflict):
    """The device's service has ended; its readings are judged as they were."""

    code = "device_retired"
    title = "该温度计已停用"


class OutageInvalid(InvalidInput):
    """The outage ends before it begins, or lasts longer than a year."""

    code = "outage_invalid"
    title = "停用时段填写有误"


class OutageOverlap(Conflict):
    """An outage of the device is recorded for some of this time."""

    code = "outage_overlap"
    title = "该时段已有停用记录，停用时段不能重叠"


class TripUnknown(NotFound):
    """No such trip, or not of the caller's station."""

    code = "trip_not_found"
    title = "没有找到该车次"


class NoLoadedTrip(Conflict):
    """The block's station has no loaded trip for that service date yet."""

    code = "no_loaded_trip"
    title = "奶站还没有登记当天已装车的车次，请站长登记后重新提交"


class TripRunning(Conflict):
    """The vehicle has an unfinished trip on that date."""

    code = "trip_running"
    title = "该车当日还有未结束的车次"


class VehicleOutOfUse(Conflict):
    """The vehicle has been taken out of use."""

    code = "vehicle_out_of_use"
    title = "该车辆已停用"


class ServiceDateInvalid(InvalidInput):
    """Trips are opened for days from a week back to a week ahead."""

    code = "service_date_invalid"
    title = "配送日期超出范围"


class InstantInvalid(InvalidInput):
    """The instant lies in the future, on another day, or before the step it follows."""

    code = "instant_invalid"
    title = "时间填写有误"


class PrecoolNotPassed(Conflict):
    """The vehicle has not been pre-cooled to 15 °C (S1 4.4.3)."""

    code = "precool_not_passed"
    title = "车厢预冷未达标，不能装货"


class VehicleNotCleaned(Conflict):
    """The vehicle has not been cleaned (S1 4.4.3)."""

    code = "vehicle_not_cleaned"
    title = "车厢未清洁，不能装货"


class TripStepNotAllowed(Conflict):
    """The trip is not at this step; facts say what has happened."""

    code = "trip_step_not_allowed"
    title = "车次当前不能进行此操作"


class LegUnknown(NotFound):
    """The trip has no such leg."""

    code = "leg_not_found"
    title = "没有找到该行程段"


class HandoverInvalid(InvalidInput):
    """A handover to a deliverer names a block of the trip's station, others name none."""

    code = "handover_invalid"
    title = "交接记录填写有误"
