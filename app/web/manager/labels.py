"""Statuses in Chinese, as the glossary has them."""

from collections.abc import Mapping

from app.aftersales.states import CATEGORY_LABELS, KIND_LABELS, TicketCategory, TicketKind

TICKET_KINDS: Mapping[TicketKind, str] = KIND_LABELS
TICKET_CATEGORIES: Mapping[TicketCategory, str] = CATEGORY_LABELS
STOPS: Mapping[str, str] = {
    "planned": "应送",
    "made": "已送齐",
    "partly": "部分送达",
    "failed": "未送达",
    "withdrawn": "停送",
}
DELIVERIES: Mapping[str, str] = {
    "planned": "应送",
    "delivered": "已送达",
    "short": "少送",
    "failed": "未送达",
    "cancelled": "已取消",
}
FAILURES: Mapping[str, str] = {
    "no_box": "没有奶箱",
    "locked_gate": "门禁进不去",
    "customer_absent": "顾客不在",
    "address_not_found": "找不到地址",
    "milk_short": "奶不够",
    "milk_damaged": "奶破损",
    "vehicle_late": "车晚到",
    "refused_by_customer": "顾客拒收",
    "other": "其他",
}
TICKET_STATUSES: Mapping[str, str] = {
    "open": "待答复",
    "answered": "已答复",
    "resolved": "已处理，待回访",
    "closed": "已关闭",
    "merged": "已并单",
}
TICKET_CLASSES: Mapping[str, str] = {"general": "一般", "major": "重大", "urgent": "紧急"}
TICKET_EVENTS: Mapping[str, str] = {
    "received": "受理",
    "answered": "答复",
    "resolved": "处理完毕",
    "closed": "关闭",
    "reopened": "重新打开",
    "merged": "并入他单",
    "took_duplicate": "并入重复单",
    "assigned": "指派",
    "escalated": "升级",
    "breached": "超时",
    "compensated": "补偿",
    "visited": "回访",
}
ANSWERS: Mapping[str, str] = {"return_visit": "回访", "survey": "调查", "rating": "一键评价"}
SOURCES: Mapping[str, str] = {
    "web": "网站",
    "app": "APP",
    "mini_program": "小程序",
    "tmall": "天猫",
    "jd": "京东",
    "phone": "电话",
    "door": "上门",
    "shop": "门店",
}
CONFIRMATIONS: Mapping[str, str] = {
    "online": "线上审核",
    "offline": "现场确认",
    "imported": "名册导入",
}
CHECKS: Mapping[str, str] = {"precool": "预冷", "cabin_leg": "车厢", "handover": "交接"}
HANDOVERS: Mapping[str, str] = {
    "loading": "装车",
    "vehicle_to_station": "车到站",
    "station_to_deliverer": "站到送奶员",
}
SLOTS: Mapping[str, str] = {
    "in_range": "合格",
    "out_of_range": "超限",
    "silent": "无读数",
    "excused": "不计",
}
DEVICES: Mapping[str, str] = {
    "in_range": "正常",
    "too_warm": "偏高",
    "too_cold": "偏低",
    "silent": "无读数",
    "out_of_service": "已停用",
}
