"""The KPI table and the rows behind a KPI as .xlsx; nothing in a cell is ever a formula."""

import io
from collections.abc import Iterable, Mapping, Sequence

from openpyxl import Workbook
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from app.core.spreadsheet import make_cell
from app.kpi.exporting.words import DIRECTION_LABELS, STATUS_LABELS, UNIT_LABELS
from app.kpi.repository.rows import KpiRow
from app.kpi.rules import Period
from app.kpi.service import KpiResult

KIND_LABELS = {
    "stop": "户次",
    "ticket": "售后单",
    "answer": "满意度答复",
    "order": "订单",
    "trip_check": "车次检查",
    "slot": "冷库时段",
}
TABLE_HEAD = ("指标", "结果", "单位", "目标", "状态", "分子", "分母", "条款")
ROW_HEAD = ("类别", "编号", "日期时间", "计入分子", "计入分母")


def build_workbook(
    results: Sequence[KpiResult],
    *,
    title: str,
    period: Period,
    rows: Sequence[KpiRow] | None,
    is_cut: bool,
) -> bytes:
    """The file: the eight figures, and the rows behind one of them where asked for."""
    book = Workbook(write_only=True)
    table = book.create_sheet("指标")
    table.append([make_cell(table, f"{title}　{period.first} 至 {period.last}", bold=True)])
    _append(table, TABLE_HEAD, bold=True)
    for result in results:
        _append(table, _table_row(result))
    if rows is not None:
        sheet = book.create_sheet("明细")
        facts = _fact_names(rows)
        _append(sheet, [*ROW_HEAD, *facts], bold=True)
        for row in rows:
            _append(sheet, [*_row_start(row), *(_plain(row.facts.get(name)) for name in facts)])
        if is_cut:
            _append(sheet, [f"仅导出前 {len(rows)} 行，请缩小范围或期间"], bold=True)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _table_row(result: KpiResult) -> Sequence[object]:
    definition = result.definition
    return (
        definition.title,
        "无数据" if result.verdict.value is None else result.verdict.value,
        UNIT_LABELS[definition.unit],
        f"{DIRECTION_LABELS[definition.direction]} {result.target.normalize():f}",
        STATUS_LABELS[result.verdict.status],
        result.measured.numerator,
        result.measured.denominator,
        definition.clause,
    )


def _row_start(row: KpiRow) -> Sequence[object]:
    return (KIND_LABELS.get(row.kind, row.kind), row.id, row.at, row.numerator, row.denominator)


def _fact_names(rows: Iterable[KpiRow]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row.facts))
    return list(names)


def _plain(value: object) -> object:
    if isinstance(value, Mapping | list | tuple):
        parts = value.values() if isinstance(value, Mapping) else value
        return " ".join(str(part) for part in parts)
    return value


def _append(sheet: WriteOnlyWorksheet, values: Iterable[object], *, bold: bool = False) -> None:
    sheet.append([make_cell(sheet, value, bold=bold) for value in values])
