"""What prices, discounts, promotions and deposits mean, in the words of the house."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.catalog.discounts import Tier, charge
from app.catalog.models import (
    DepositKind,
    DepositRate,
    PeriodDiscount,
    PriceChannel,
    ProductPrice,
    Promotion,
)
from app.catalog.price_api import days_of
from app.catalog.promotions import Offered, Ruled
from app.catalog.repository import PricedProduct
from app.catalog.repository.terms import Phase, Term, TermKind, phase_of
from app.core.ids import public_single
from app.network.models import City
from app.web.common.filters import yuan

TITLES: Mapping[TermKind, str] = {
    TermKind.PRICES: "价目",
    TermKind.DISCOUNTS: "折扣",
    TermKind.PROMOTIONS: "促销",
    TermKind.DEPOSITS: "押金",
}
HINTS: Mapping[TermKind, str] = {
    TermKind.PRICES: "每瓶含税价；写了城市或渠道的价格优先于通用价",
    TermKind.DISCOUNTS: "订得久、订得多更便宜；够得上几档时按优惠最多的一档",
    TermKind.PROMOTIONS: "限时赠奶或减价，以及随之不能做的变更",
    TermKind.DEPOSITS: "奶箱和玻璃瓶的押金，订单结束、归还后退回",
}
EMPTY: Mapping[TermKind, str] = {
    TermKind.PRICES: "没有符合条件的价格",
    TermKind.DISCOUNTS: "没有符合条件的折扣",
    TermKind.PROMOTIONS: "没有符合条件的促销",
    TermKind.DEPOSITS: "没有符合条件的押金标准",
}
PREFIXES: Mapping[TermKind, str] = {
    TermKind.PRICES: "prc",
    TermKind.DISCOUNTS: "dsc",
    TermKind.PROMOTIONS: "prm",
    TermKind.DEPOSITS: "dpr",
}
PHASES: Mapping[Phase, str] = {
    Phase.RUNNING: "生效中和未开始",
    Phase.IN_FORCE: "生效中",
    Phase.COMING: "未开始",
    Phase.ENDED: "已结束",
    Phase.ALL: "全部",
}
PHASE_KINDS: Mapping[Phase, str] = {Phase.IN_FORCE: "ok", Phase.COMING: "info", Phase.ENDED: "idle"}
CHANNELS: Mapping[PriceChannel, str] = {
    PriceChannel.WEB: "网上",
    PriceChannel.PHONE: "电话",
    PriceChannel.DOOR: "上门",
    PriceChannel.SHOP: "门店",
    PriceChannel.MARKETPLACE: "电商平台",
}
RULED: Mapping[Ruled, str] = {
    Ruled.PAUSE: "停奶",
    Ruled.SKIP: "跳过",
    Ruled.CANCEL: "退订",
    Ruled.SWAP: "换产品",
    Ruled.QUANTITY: "改数量",
}
_EVERY_PRODUCT = "全部产品"
_SAMPLE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Around:
    """What terms name: products by id with today's general price, and cities."""

    products: Mapping[UUID, PricedProduct]
    cities: Sequence[City]

    def product(self, product_id: UUID | None) -> str:
        """A product's name with its specification; all of them for None."""
        if product_id is None:
            return _EVERY_PRODUCT
        found = self.products.get(product_id)
        return "—" if found is None else f"{found.product.name} {found.product.specification}"

    def city(self, code: str | None) -> str:
        """A city's name."""
        return next((one.name for one in self.cities if one.code == code), code or "全部城市")

    def sample(self, product_id: UUID | None) -> tuple[str, int] | None:
        """A product to reckon an example with, and today's price of a bottle; the first for None."""
        asked = self.products.values() if product_id is None else [self.products.get(product_id)]
        for one in asked:
            if one is not None and one.price_fen is not None:
                return self.product(one.product.id), one.price_fen
        return None


@dataclass(frozen=True, slots=True)
class Shown:
    """A term in words."""

    id: str
    title: str
    what: str
    where: str
    rule: str
    period: str
    first: date | None
    last: date | None
    phase: Phase
    example: str

    @property
    def label(self) -> str:
        """In force, coming, ended."""
        return PHASES[self.phase]

    @property
    def kind(self) -> str:
        """Kind of pill."""
        return PHASE_KINDS[self.phase]


def fold_text(off_permille: int) -> str:
    """So many permille less, as dairies say it: 50 -> "9.5 折"."""
    return f"{(Decimal(1000 - off_permille) / 100).normalize():f} 折"


def period_text(first: date | None, last: date | None) -> str:
    """Both days included."""
    began = "" if first is None else f"{first} "
    return f"{began}起长期有效" if last is None else f"{began}至 {last}"


def _off_text(term: PeriodDiscount | Promotion) -> str:
    if term.off_permille is not None:
        return fold_text(term.off_permille)
    return f"每项产品立减 {yuan(term.off_fen)}"


def _reach_text(term: PeriodDiscount) -> str:
    return f"{term.min_days} 天起" if term.min_days is not None else f"{term.min_bottles} 瓶起"


def _price(term: ProductPrice, around: Around) -> dict[str, str]:
    channel = "全部渠道" if term.channel is None else f"{CHANNELS[term.channel]}渠道"
    return {
        "title": around.product(term.product_id),
        "what": f"每瓶 {yuan(term.price_fen)}",
        "where": f"{around.city(term.city_code)}，{channel}",
        "example": f"每天 1 瓶订 {_SAMPLE_DAYS} 天，共 {yuan(term.price_fen * _SAMPLE_DAYS)}",
    }


def _discount(term: PeriodDiscount, around: Around) -> dict[str, str]:
    days = term.min_days or term.min_bottles or 0
    found, example = around.sample(term.product_id), ""
    if found is not None:
        name, price_fen = found
        tier = Tier(
            term.id, term.name, term.min_days, term.min_bottles, term.off_permille, term.off_fen
        )
        asked = charge([tier], full_fen=price_fen * days, days=days, bottles=days)
        unit = "天" if term.min_days is not None else "瓶"
        example = (
            f"{name}每天 1 瓶订 {days} {unit}：零售价 {yuan(asked.full_fen)}，"
            f"优惠 {yuan(asked.discount_fen)}，实付 {yuan(asked.price_fen)}"
        )
    return {
        "title": term.name,
        "what": f"{_reach_text(term)} {_off_text(term)}",
        "where": around.product(term.product_id),
        "example": example,
    }


def _promotion(term: Promotion, around: Around) -> dict[str, str]:
    products = term.product_ids or []
    names = "、".join(around.product(one) for one in products) or _EVERY_PRODUCT
    channel = "全部渠道" if term.channel is None else f"{CHANNELS[term.channel]}渠道"
    forbids = "、".join(name for one, name in RULED.items() if one in term.forbids)
    said = {
        "title": term.name,
        "where": f"{names}，{channel}",
        "rule": f"参加后不能{forbids}" if forbids else "",
    }
    if term.buy_bottles is not None:
        buy, gift = term.buy_bottles, term.gift_bottles
        said["what"] = f"每买 {buy} 瓶赠 {gift} 瓶"
        said["example"] = f"买 {2 * buy} 瓶，赠 {2 * (gift or 0)} 瓶；买 {buy - 1} 瓶不赠"
        return said
    said["what"] = _off_text(term)
    found = around.sample(products[0] if products else None)
    if found is not None:
        name, price_fen = found
        full_fen = price_fen * _SAMPLE_DAYS
        offered = Offered(
            term.id, term.name, term.rule, None, None, term.off_permille, term.off_fen, frozenset()
        )
        paid = charge([], full_fen=full_fen, days=_SAMPLE_DAYS, bottles=_SAMPLE_DAYS).under(
            offered, bottles=_SAMPLE_DAYS
        )
        said["example"] = (
            f"{name} {_SAMPLE_DAYS} 瓶：零售价 {yuan(full_fen)}，实付 {yuan(paid.price_fen)}"
        )
    return said


def _deposit(term: DepositRate, around: Around) -> dict[str, str]:
    if term.kind is DepositKind.BOX:
        return {
            "title": "奶箱押金",
            "what": f"每个 {yuan(term.amount_fen)}",
            "where": "需要奶箱的产品，一户一个",
            "example": "已有奶箱的门址不再收取",
        }
    two = yuan(2 * term.amount_fen)
    return {
        "title": "空瓶押金",
        "what": f"每瓶 {yuan(term.amount_fen)}",
        "where": around.product(term.product_id),
        "example": f"每次送 2 瓶的订户，随订单收 {two}",
    }


_SHOWN: Mapping[TermKind, Any] = {
    TermKind.PRICES: _price,
    TermKind.DISCOUNTS: _discount,
    TermKind.PROMOTIONS: _promotion,
    TermKind.DEPOSITS: _deposit,
}


def show_term(kind: TermKind, term: Term, around: Around, *, today: date) -> Shown:
    """A term in words; one that is not stored yet, too."""
    first, last = days_of(term.valid)
    said = {"rule": "", "example": ""} | _SHOWN[kind](term, around)
    return Shown(
        id=public_single(PREFIXES[kind], term.id),
        period=period_text(first, last),
        first=first,
        last=last,
        phase=phase_of(term, today),
        **said,
    )
