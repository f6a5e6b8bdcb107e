"""A sample book of subscribers as a station clerk would keep it: real cases, real mess."""

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from app.core.clock import local_date, wall_now
from simulators.city import names
from simulators.city.plan import CityPlan, HouseholdPlan

HEADER = (
    "订户编号", "姓名", "电话", "备用电话", "地址", "奶站", "送奶员", "产品", "规格", "每日数量",
    "周一", "周二", "周三", "周四", "周五", "周六", "周日", "间隔天数", "每次数量", "起送日期",
    "止送日期", "赠送天数", "停奶起", "停奶止", "单价", "总金额", "已送数量", "剩余数量", "剩余金额",
    "奶箱押金", "付款方式", "来源", "备注", "开票",
)  # fmt: skip
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def write_book(path: Path, *, rows: int, seed: int) -> None:
    """Write an XLSX of `rows` lines; some spellings are odd, all of them are valid."""
    draw = random.Random(seed)
    today = local_date(wall_now())
    plan = CityPlan(seed=seed, today=today, households=rows, first_household=1_000_000)
    book = Workbook(write_only=False)
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise TypeError("a new workbook has a sheet")
    sheet.title = "订户"
    sheet.append(["××乳业订奶登记簿"])
    sheet.append([f"制表日期：{today:%Y年%m月%d日}"])
    sheet.append(list(HEADER))
    total = 0
    for number, home in enumerate(plan.homes, 1):
        line = _line(draw, plan, home, number, today)
        total += int(line["剩余数量"])
        sheet.append([line.get(column) for column in HEADER])
        if number % 50 == 0:
            sheet.append([None] * len(HEADER))
    sheet.append(["合计"] + [None] * 26 + [total])
    book.save(path)


def _line(
    draw: random.Random, plan: CityPlan, home: HouseholdPlan, number: int, today: date
) -> dict[str, Any]:
    block = plan.blocks[home.block]
    product = names.PRODUCTS[home.product]
    price = product[4] / 100
    left = draw.randint(5, 120)
    brought = draw.randint(0, 60)
    district = plan.stations[block.station].district
    place = home.compound or home.street
    line: dict[str, Any] = {
        "订户编号": f"A{number:06d}",
        "姓名": home.name,
        "电话": _phone(draw, home.phone),
        "地址": f"{'上海市' if draw.random() < 0.3 else ''}{district}{place}{home.house_no}号{home.door}",
        "产品": draw.choice([product[0], *names.ALIASES[product[0]][:1]]),
        "规格": product[2],
        "起送日期": _date(draw, today - timedelta(days=draw.randint(-5, 200))),
        "单价": f"¥{price:.2f}" if draw.random() < 0.2 else price,
        "已送数量": brought,
        "剩余数量": left,
        "剩余金额": round(left * price, 2),
        "总金额": round((left + brought) * price, 2),
        "奶箱押金": draw.choice([None, None, 20]),
        "付款方式": draw.choice(["现金", "微信", "刷卡"]),
        "来源": draw.choice(["电话", "送奶员", "小程序", None]),
        "备注": draw.choice([None, "放奶箱", "勿按门铃", "门口鞋柜上"]),
        "开票": draw.choice([None, "要"]),
        "赠送天数": draw.choice([None, None, None, 3]),
    }
    line |= _pattern(draw, home)
    if draw.random() < 0.1:
        first = today + timedelta(days=draw.randint(3, 20))
        line |= {"停奶起": _date(draw, first), "停奶止": _date(draw, first + timedelta(days=5))}
    return line


def _phone(draw: random.Random, phone: str) -> object:
    kind = draw.random()
    if kind < 0.2:
        return f"{phone[:3]}-{phone[3:7]}-{phone[7:]}"
    if kind < 0.3:
        return f"{phone[:3]} {phone[3:7]} {phone[7:]}"
    return int(phone) if kind < 0.6 else phone


def _date(draw: random.Random, day: date) -> object:
    kind = draw.random()
    if kind < 0.2:
        return f"{day.year}年{day.month}月{day.day}日"
    if kind < 0.4:
        return f"{day.year}/{day.month}/{day.day}"
    return f"{day.year}.{day.month}.{day.day}" if kind < 0.5 else day


def _pattern(draw: random.Random, home: HouseholdPlan) -> dict[str, object]:
    pattern = home.pattern
    if pattern.weekday_quantities is not None:
        days = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
        return dict(zip(days, pattern.weekday_quantities, strict=True))
    if pattern.interval_days == 1:
        text = f"{pattern.quantity}瓶" if draw.random() < 0.3 else pattern.quantity
        if isinstance(text, str) and draw.random() < 0.3:
            text = text.translate(FULL_WIDTH)
        return {"每日数量": text}
    return {"间隔天数": pattern.interval_days, "每次数量": pattern.quantity}
