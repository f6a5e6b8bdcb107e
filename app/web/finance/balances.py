"""Routes: the trial balance (试算平衡表) to the end of a date, accounts by group."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.responses import Response

from app.billing import service as billing
from app.billing.repository.totals import AccountBalance
from app.billing.states import CHANNEL_LABELS, PaymentChannel
from app.core.db import SessionDep
from app.core.exporting import Column, ColumnKind, file_answer, note_export, write_table
from app.core.unit import Router
from app.identity.access import ClockDep
from app.web.finance import words
from app.web.finance.asking import DayText, read_day
from app.web.finance.rights import Reader
from app.web.finance.showing import HOME, show

BALANCES: Final = f"{HOME}/balances"
router = Router(include_in_schema=False)

HANDS: Final = "cash:"
SAFES: Final = "cash:station:"
DEALERS: Final = "dealer:"
LIABILITIES: Final = ("prepaid", "balance", "deposit", "refund_payable", "suspense")

COLUMNS: Final = (
    Column("科目代码", width=48),
    Column("科目", width=32),
    Column("借方累计", ColumnKind.YUAN),
    Column("贷方累计", ColumnKind.YUAN),
    Column("余额（贷减借）", ColumnKind.YUAN),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One account, or all of a kind of which there are many, in fen."""

    title: str
    debit_fen: int
    credit_fen: int
    link: str = ""

    @property
    def balance_fen(self) -> int:
        """Credit minus debit."""
        return self.credit_fen - self.debit_fen


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that belong together."""

    title: str
    lines: Sequence[Line]

    @property
    def total(self) -> Line:
        """All of them."""
        return _sum("小计", self.lines)


@router.get(BALANCES)
async def balances_page(
    request: Request,
    _: Reader,
    session: SessionDep,
    clock: ClockDep,
    day: Annotated[DayText, Query()] = "",
) -> Response:
    """Every account to the end of a date, by default today, and what waits in clearing."""
    today = clock.today()
    shown = read_day(day, usual=today, last=today)
    read = await billing.read_trial_balance(session, on=shown, now=clock.now())
    held = {one.account: one.balance_fen for one in read.accounts}
    return show(
        request,
        "balances.html",
        read=read,
        groups=[group for group in _groups(read.accounts) if group.lines],
        sums=[(words.ACCOUNTS[name], held.get(name, 0)) for name in LIABILITIES],
        clearing=await billing.list_clearing(session, today=today),
        clearing_links=words.CLEARING_LINKS,
        account_labels=words.ACCOUNTS,
        day=shown,
        today=today,
    )


@router.get(f"{BALANCES}.xlsx", response_class=Response)
async def take_out(
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    day: Annotated[DayText, Query()] = "",
) -> Response:
    """The trial balance as a file, every account with its code; who took it is written down."""
    today = clock.today()
    shown = read_day(day, usual=today, last=today)
    read = await billing.read_trial_balance(session, on=shown, now=clock.now())

    async def rows() -> AsyncIterator[list[tuple[object, ...]]]:
        yield [
            (
                one.account,
                account_title(one.account),
                one.debit_fen,
                one.credit_fen,
                one.balance_fen,
            )
            for one in read.accounts
        ]
        yield [("", "合计", read.debit_fen, read.credit_fen, read.credit_fen - read.debit_fen)]

    file, count = await write_table(f"试算平衡表 {shown}", COLUMNS, rows())
    await note_export(
        session,
        name="trial_balance",
        subject_id=None,
        rows=count,
        actor=caller.actor,
        now=clock.now(),
    )
    return file_answer(file, f"试算平衡表-{shown}.xlsx")


def _groups(accounts: Sequence[AccountBalance]) -> list[Group]:
    hands = [one for one in accounts if _is_hand(one.account)]
    safes = [one for one in accounts if one.account.startswith(SAFES)]
    dealers = [one for one in accounts if one.account.startswith(DEALERS)]
    many = {one.account for one in (*hands, *safes, *dealers)}
    assets = [_line(one) for one in accounts if one.account not in many and _is_asset(one.account)]
    if hands:
        assets.append(_many(f"送奶员手中现金（{len(hands)} 人）", hands))
    if safes:
        assets.append(_many(f"奶站库存现金（{len(safes)} 站）", safes))
    owed = [_line(one) for one in accounts if one.account in LIABILITIES]
    rest = [
        _line(one)
        for one in accounts
        if one.account not in many and one.account not in LIABILITIES and not _is_asset(one.account)
    ]
    groups = [Group("资金", assets), Group("欠顾客的款项", owed), Group("收入与损益", rest)]
    if dealers:
        added = _sum(f"经销商往来（{len(dealers)} 家）", [_line(one) for one in dealers])
        groups.insert(2, Group("应付经销商", [added]))
    return groups


def _is_hand(account: str) -> bool:
    return account.startswith(HANDS) and not account.startswith(SAFES) and account != "cash:office"


def _is_asset(account: str) -> bool:
    return account.partition(":")[0] in words.ASSETS


def _line(one: AccountBalance) -> Line:
    return Line(account_title(one.account), one.debit_fen, one.credit_fen)


def _many(title: str, accounts: Sequence[AccountBalance]) -> Line:
    added = _sum(title, [_line(one) for one in accounts])
    return Line(title, added.debit_fen, added.credit_fen, link=f"{HOME}/cash")


def _sum(title: str, lines: Sequence[Line]) -> Line:
    return Line(title, sum(one.debit_fen for one in lines), sum(one.credit_fen for one in lines))


def account_title(account: str) -> str:
    """An account in words, with the merchant's number where it has one."""
    named: Mapping[str, str] = words.ACCOUNTS
    if account in named:
        return named[account]
    kind, _, rest = account.partition(":")
    if kind == "channel":
        channel, _, merchant = rest.partition(":")
        known = channel in set(PaymentChannel)
        return f"{CHANNEL_LABELS[PaymentChannel(channel)] if known else channel} {merchant}"
    return f"{words.ASSETS.get(kind, kind)} {rest.replace(':', ' ')}".strip()
