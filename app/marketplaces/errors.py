"""What can go wrong with a marketplace's shops and orders."""

from app.core.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, Unprocessable


class ShopUnknown(NotFound):
    """No such shop, or it takes no push."""

    code = "shop_not_found"
    title = "没有找到该店铺"


class ShopCodeTaken(Conflict):
    """Another shop has this code."""

    code = "shop_code_taken"
    title = "店铺代码已被使用"


class ExternalOrderUnknown(NotFound):
    """No such order of a marketplace."""

    code = "marketplace_order_not_found"
    title = "没有找到该平台订单"


class ForeignNumber(Conflict):
    """The number came by another shop of the same marketplace before. Facts: `numbers`."""

    code = "outside_number_of_another_shop"
    title = "平台订单号属于另一家店铺"


class NothingToReview(Conflict):
    """The order does not wait for this decision."""

    code = "no_marketplace_review_waiting"
    title = "该平台订单不在待处理状态"


class NoAddressNeeded(Conflict):
    """The order does not wait for an address. Facts: `state`."""

    code = "marketplace_order_not_claimable"
    title = "该订单当前不需要填写地址"


class ClaimLimitReached(Conflict):
    """The claim link was made as often as it may be. Facts: `limit`."""

    code = "claim_link_limit_reached"
    title = "该订单的地址链接生成次数已达上限"


class NoClaimLink(NotFound):
    """No link is in force: make one first."""

    code = "claim_link_not_found"
    title = "当前没有有效的地址链接，请先生成"


class PromotionCodeUnknown(NotFound):
    """No such promotion code."""

    code = "promotion_code_not_found"
    title = "没有找到该推广码"


class PromotionCodeTaken(Conflict):
    """The code is another deliverer's."""

    code = "promotion_code_taken"
    title = "推广码已被使用"


class PullNotSetUp(Conflict):
    """The shop has no credentials to pull with."""

    code = "pull_not_set_up"
    title = "该店铺尚未配置接口账号"


class PushSignatureMissing(NotAuthenticated):
    """Timestamp, nonce or signature is absent or malformed. Facts: `header`."""

    code = "push_signature_missing"
    title = "缺少签名或签名格式有误"


class PushForged(NotAuthenticated):
    """The signature is not the shop's over timestamp, nonce and body."""

    code = "push_signature_wrong"
    title = "签名不正确"


class PushTooOld(NotAuthenticated):
    """The timestamp is more than five minutes away. Facts: `server_time`, `most_seconds`."""

    code = "push_timestamp_out_of_range"
    title = "请求时间与服务器时间相差过大"


class PushReplayed(Conflict):
    """The nonce was used before."""

    code = "push_replayed"
    title = "该请求已经处理过（nonce 重复）"


class PushMalformed(Unprocessable):
    """The signed body is not the JSON agreed on. Facts: `fields`."""

    code = "push_malformed"
    title = "推送内容格式有误"


class PushTooLarge(InvalidInput):
    """The body is larger than a push may be."""

    code = "push_too_large"
    title = "推送内容过大，请分批推送"


class AgreementUnknown(NotFound):
    """No such version of the order agreement."""

    code = "agreement_not_found"
    title = "没有找到该版本的订奶协议"
