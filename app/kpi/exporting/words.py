"""What the files say; without the libraries that write them, which load slowly."""

from app.kpi.rules import KpiStatus

STATUS_LABELS = {
    KpiStatus.MET: "达标",
    KpiStatus.MISSED: "未达标",
    KpiStatus.NO_DATA: "无数据",
}
UNIT_LABELS = {"percent": "%", "hours": "小时", "per_100000": "每十万户次"}
DIRECTION_LABELS = {"at_least": "≥", "at_most": "≤"}
