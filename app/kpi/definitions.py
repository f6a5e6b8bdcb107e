"""The eight KPIs of S1 5.2.1: what is counted, in which unit, against which target."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class KpiKey(StrEnum):
    """Stable keys of the eight."""

    ON_TIME_RATE = "on_time_rate"
    RESPONSE_TIME = "response_time"
    INTERNET_RATE = "internet_rate"
    SATISFACTION = "satisfaction"
    DELIVERY_TEMP_RATE = "delivery_temp_rate"
    COLD_STORE_TEMP_RATE = "cold_store_temp_rate"
    COMPLAINT_RATE = "complaint_rate"
    COMPLAINT_HANDLED_RATE = "complaint_handled_rate"


class Unit(StrEnum):
    """Unit of value and target."""

    PERCENT = "percent"
    HOURS = "hours"
    PER_100K = "per_100000"


class Direction(StrEnum):
    """On which side of the target a KPI is met."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class ScopeKind(StrEnum):
    """What a KPI can be narrowed to."""

    OPERATOR = "operator"
    CITY = "city"
    STATION = "station"
    BLOCK = "block"
    DELIVERER = "deliverer"


ALL_SCOPES = frozenset(ScopeKind)
DOWN_TO_BLOCK = ALL_SCOPES - {ScopeKind.DELIVERER}
DOWN_TO_STATION = frozenset({ScopeKind.OPERATOR, ScopeKind.CITY, ScopeKind.STATION})


@dataclass(frozen=True, slots=True)
class Definition:
    """One KPI; `target` is the standard's, in `unit`, unless the operator has set his own."""

    key: KpiKey
    title: str
    unit: Unit
    target: Decimal
    direction: Direction
    scopes: frozenset[ScopeKind]
    numerator: str
    denominator: str
    text: str
    clause: str = "S1 5.2.1"


_ALL = (
    Definition(
        key=KpiKey.ON_TIME_RATE,
        title="7点前送达服务成功率",
        unit=Unit.PERCENT,
        target=Decimal(95),
        direction=Direction.AT_LEAST,
        scopes=ALL_SCOPES,
        numerator="家庭户次中，当日全部奶品在07:00:00之前如数送达、且非批量补录的户次",
        denominator="已过当日07:00的应送家庭户次",
        text=(
            "按服务日期统计。少送、未送、未确认、批量补录均不算准时。截单前由经营者取消的户次不计入应送，"
            "但另行列出，并给出计入后的比率。学校单列，其约定时段另计。"
        ),
    ),
    Definition(
        key=KpiKey.RESPONSE_TIME,
        title="顾客要求响应时间",
        unit=Unit.HOURS,
        target=Decimal(24),
        direction=Direction.AT_MOST,
        scopes=ALL_SCOPES,
        numerator="24小时内得到人工首次答复的售后单（未答复的按已过时间计）",
        denominator="期间内受理的售后单，并单除外",
        text=(
            "值为从受理到首次人工答复的最长时间（小时）；自动回执不算答复，未答复的按截至目前的时间计。"
            "另列24小时内占比、中位数和95百分位。"
        ),
    ),
    Definition(
        key=KpiKey.INTERNET_RATE,
        title="互联网应用率",
        unit=Unit.PERCENT,
        target=Decimal(30),
        direction=Direction.AT_LEAST,
        scopes=DOWN_TO_BLOCK,
        numerator="来自自有网站、APP、小程序和电商平台的家庭订单（含续订）",
        denominator="期间内确认且来源已知的家庭订单",
        text="按订单确认时间统计。电话订单不属互联网渠道；来源不明的（多为导入的旧订单）不计入，另列数量。",
    ),
    Definition(
        key=KpiKey.SATISFACTION,
        title="顾客满意度",
        unit=Unit.PERCENT,
        target=Decimal(95),
        direction=Direction.AT_LEAST,
        scopes=ALL_SCOPES,
        numerator="家庭顾客在回访和调查中给出4分或5分的答复",
        denominator="家庭顾客在回访和调查中的全部答复",
        text="未联系上的回访不算答复。一键评价和学校的答复另列。同时给出答复数和回访联系率。",
    ),
    Definition(
        key=KpiKey.DELIVERY_TEMP_RATE,
        title="配送温度合格率",
        unit=Unit.PERCENT,
        target=Decimal(90),
        direction=Direction.AT_LEAST,
        scopes=ALL_SCOPES,
        numerator="合格的检查",
        denominator="每车次应做的检查：预冷（≤15℃）、各段车厢（≤6℃）、每次交接的奶品温度",
        text=(
            "漏做的检查、没有读数的路段均算不合格。一辆车不只为一个区块运奶，"
            "所以区块和送奶员只计站到送奶员的交接。"
        ),
    ),
    Definition(
        key=KpiKey.COLD_STORE_TEMP_RATE,
        title="冷库温度合格率",
        unit=Unit.PERCENT,
        target=Decimal(95),
        direction=Direction.AT_LEAST,
        scopes=DOWN_TO_STATION,
        numerator="温度在限值内的时段",
        denominator="设备应有读数的时段，每段至多计一个读数",
        text="限值按设备设定。已登记的停用时间不计；设备无读数不算合格。",
    ),
    Definition(
        key=KpiKey.COMPLAINT_RATE,
        title="顾客服务投诉率",
        unit=Unit.PER_100K,
        target=Decimal(4),
        direction=Direction.AT_MOST,
        scopes=ALL_SCOPES,
        numerator="期间内受理的家庭投诉",
        denominator="期间内已服务的家庭户次",
        text="每十万户次的投诉数。重复投诉并单后不计，查无实据的仍计。另列原始数量、每十万订单的投诉数和学校数据。",
    ),
    Definition(
        key=KpiKey.COMPLAINT_HANDLED_RATE,
        title="投诉处理率",
        unit=Unit.PERCENT,
        target=Decimal(100),
        direction=Direction.AT_LEAST,
        scopes=ALL_SCOPES,
        numerator="目前已处理完毕的家庭投诉",
        denominator="期间内受理、已处理完毕或已满24小时的家庭投诉",
        text="重新打开的投诉不算已处理。24小时内处理完毕的另列。学校单列。",
    ),
)

DEFINITIONS: Mapping[KpiKey, Definition] = {one.key: one for one in _ALL}
"""In the order of the standard."""
