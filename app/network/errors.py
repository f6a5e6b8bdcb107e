"""What can go wrong in the network."""

from app.core.errors import Conflict, InvalidInput, NotFound


class CityUnknown(NotFound):
    """No such city."""

    code = "city_not_found"
    title = "没有找到该城市"


class CityCodeTaken(Conflict):
    """The city exists already."""

    code = "city_code_taken"
    title = "该城市已存在"


class StationUnknown(NotFound):
    """No such station, or not the caller's."""

    code = "station_not_found"
    title = "没有找到该奶站"


class StationCodeTaken(Conflict):
    """Another station has this code."""

    code = "station_code_taken"
    title = "奶站编码已被使用"


class BlockUnknown(NotFound):
    """No such block, or not of the caller's station."""

    code = "block_not_found"
    title = "没有找到该区块"


class BlockCodeTaken(Conflict):
    """Another block has this code."""

    code = "block_code_taken"
    title = "区块编码已被使用"


class VehicleUnknown(NotFound):
    """No such vehicle, or not of the caller's station."""

    code = "vehicle_not_found"
    title = "没有找到该车辆"


class PlateTaken(Conflict):
    """Another vehicle has this plate."""

    code = "plate_taken"
    title = "车牌已登记"


class CoverageRuleUnknown(NotFound):
    """No such coverage rule."""

    code = "coverage_rule_not_found"
    title = "没有找到该配送范围"


class CoverageRuleInvalid(InvalidInput):
    """The rule names no building; the detail says what is missing."""

    code = "coverage_rule_invalid"
    title = "配送范围填写有误"


class PolygonInvalid(InvalidInput):
    """The polygon is no simple area of a city's size; the detail says why."""

    code = "polygon_invalid"
    title = "配送范围的多边形无效"


class PeriodInvalid(InvalidInput):
    """The last day lies before the first."""

    code = "period_invalid"
    title = "截止日期早于开始日期"


class PeriodOver(Conflict):
    """The change would reach into the past."""

    code = "period_over"
    title = "不能改动已经过去的日期"


class CutoffTooLate(Conflict):
    """A day of the period is frozen, or its old or new cut-off has passed."""

    code = "cutoff_too_late"
    title = "新的截单时间来不及生效，请从更晚的日期开始"


class DayClosed(Conflict):
    """The day takes no changes: frozen, withdrawn, past its cut-off, or not planned yet."""

    code = "day_closed"
    title = "该日已截单，不能再更改"


class NoOpenDay(Conflict):
    """No day of the station takes changes."""

    code = "no_open_day"
    title = "该奶站暂无可配送的日期"


class AssignmentRaced(Conflict):
    """Another request gave this address a block at the same moment."""

    code = "assignment_raced"
    title = "该地址正在被另一操作分配区块，请重试"


class StopsChanged(Conflict):
    """The order does not name exactly the stops the block has."""

    code = "stops_changed"
    title = "区块内的户已变化，请刷新后重新排序"


class DealerUnknown(NotFound):
    """No such dealer."""

    code = "dealer_not_found"
    title = "没有找到该经销商"


class DealerCodeTaken(Conflict):
    """Another dealer has this code."""

    code = "dealer_code_taken"
    title = "经销商编码已被使用"


class DealerInactive(Conflict):
    """A dealer who has stopped takes over no station."""

    code = "dealer_inactive"
    title = "该经销商已停用"


class DealerDaysSettled(Conflict):
    """The days are on an issued statement; facts say through which day."""

    code = "dealer_days_settled"
    title = "所选日期已出具结算单，不能再更改"
