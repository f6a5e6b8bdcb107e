"""What can go wrong with the catalogue."""

from app.core.errors import Conflict, InvalidInput, NotFound


class ProductUnknown(NotFound):
    """No such product."""

    code = "product_not_found"
    title = "没有找到该产品"


class ProductNotOnSale(Conflict):
    """The product has been taken off sale."""

    code = "product_not_on_sale"
    title = "该产品目前不在售"


class ProductWithoutPrice(Conflict):
    """No price, or no VAT rate, is valid on the day asked for."""

    code = "product_without_price"
    title = "该产品当日没有有效价格"


class ProductAmbiguous(Conflict):
    """The written name fits several products."""

    code = "product_ambiguous"
    title = "产品名称对应多个产品，请写明规格或编码"


class ProductCodeTaken(Conflict):
    """Another product has this code."""

    code = "product_code_taken"
    title = "产品编码已被使用"


class ChilledWithoutLimit(InvalidInput):
    """A chilled product needs its temperature limit."""

    code = "chilled_without_limit"
    title = "冷藏产品必须填写交接温度上限"


class PriceUnknown(NotFound):
    """No such price of this product."""

    code = "price_not_found"
    title = "没有找到该价格"


class PriceCityUnknown(InvalidInput):
    """A price was written for a city that there is not."""

    code = "price_city_unknown"
    title = "没有该城市，请先建立城市或不限城市"


class PriceOverlap(Conflict):
    """Another price of the product is valid for the same market on some of these days."""

    code = "price_overlap"
    title = "该城市和渠道在该时段已有价格，价格有效期不能重叠"


class AnnouncementUnknown(NotFound):
    """No such announcement."""

    code = "announcement_not_found"
    title = "没有找到该公告"


class VatRateUnknown(NotFound):
    """No such VAT rate of this product."""

    code = "vat_rate_not_found"
    title = "没有找到该税率"


class VatRateOverlap(Conflict):
    """Another VAT rate of the product is valid on some of these days."""

    code = "vat_rate_overlap"
    title = "该时段已有税率，税率有效期不能重叠"


class PeriodInvalid(InvalidInput):
    """The last day lies before the first."""

    code = "period_invalid"
    title = "截止日期早于开始日期"


class PeriodOver(Conflict):
    """The change would reach into the past: what was valid stays as it was."""

    code = "period_over"
    title = "不能改动已经过去的有效期"


class DiscountUnknown(NotFound):
    """No such period discount."""

    code = "discount_not_found"
    title = "没有找到该周期优惠"


class DiscountOverlap(Conflict):
    """The product has a discount of the same threshold on some of these days."""

    code = "discount_overlap"
    title = "该产品在该时段已有同一档周期优惠"


class DiscountTooEarly(InvalidInput):
    """A discount begins tomorrow at the earliest: what is bought today is settled by today's."""

    code = "discount_too_early"
    title = "周期优惠最早从明天起"


class PromotionUnknown(NotFound):
    """No such promotion."""

    code = "promotion_not_found"
    title = "没有找到该促销"


class PromotionTooEarly(InvalidInput):
    """A promotion begins tomorrow at the earliest."""

    code = "promotion_too_early"
    title = "促销最早从明天起"


class DepositRateUnknown(NotFound):
    """No such deposit rate."""

    code = "deposit_rate_not_found"
    title = "没有找到该押金标准"


class DepositRateOverlap(Conflict):
    """The box, or the product's bottles, have a rate on some of these days."""

    code = "deposit_rate_overlap"
    title = "该时段已有押金标准"


class DepositRateTooEarly(InvalidInput):
    """A rate begins today at the earliest."""

    code = "deposit_rate_too_early"
    title = "押金标准最早从今天起"
