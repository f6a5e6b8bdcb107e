"""What can go wrong with deliverers."""

from app.core.errors import Conflict, NotFound


class DelivererUnknown(NotFound):
    """No such deliverer, or not of the caller's station."""

    code = "deliverer_not_found"
    title = "没有找到该送奶员"


class EmployeeNumberTaken(Conflict):
    """Another deliverer has this employee number."""

    code = "employee_no_taken"
    title = "工号已被使用"


class StationOfDelivererUnknown(NotFound):
    """The deliverer's station does not exist."""

    code = "station_not_found"
    title = "没有找到该奶站"
