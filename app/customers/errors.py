"""What can go wrong with customers, addresses and consents."""

from app.core.errors import Conflict, NotFound


class CustomerUnknown(NotFound):
    """No such customer, or one that was erased."""

    code = "customer_unknown"
    title = "没有找到该顾客"


class AddressUnknown(NotFound):
    """No such address of this customer, or one that was removed."""

    code = "address_unknown"
    title = "没有找到该地址"


class TooManyAddresses(Conflict):
    """The customer has as many addresses as one may have."""

    code = "too_many_addresses"
    title = "地址数量已达上限"


class AddressInUse(Conflict):
    """A running order is delivered to this address."""

    code = "address_in_use"
    title = "该地址仍有配送中的订单"


class AccountInUse(Conflict):
    """An order runs, or money is open: the account cannot be erased yet."""

    code = "account_in_use"
    title = "账户仍有进行中的订单或未结清的款项，暂时不能注销"


class PrivacyTextUnknown(NotFound):
    """No text is in force for this purpose."""

    code = "privacy_text_unknown"
    title = "没有找到该条款"


class PrivacyTextOutdated(Conflict):
    """Consent is given to the text in force only; facts carry its version."""

    code = "privacy_text_outdated"
    title = "条款已更新，请阅读最新版本"


class PrivacyTextTaken(Conflict):
    """A published version is never rewritten, and none is dated back."""

    code = "privacy_text_taken"
    title = "该版本已发布，或生效日期早于今天"
