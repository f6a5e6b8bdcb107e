"""The kinds of our SMS: what each is for, its variables, and the text it starts with.

The texts in force are rows (`SmsTemplate`), changed over REST. A kind stands in code because the
code fills its variables; a text may leave some out and adds none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from functools import lru_cache

from app.notifications.states import SmsCategory

MAX_VALUE = 35
"""Characters of a variable's value."""
MAX_TEXT = 500
ONE_PART, NEXT_PART = 70, 67
"""Characters a phone shows of one message, and of each part of a longer one."""
UNSUBSCRIBE = "拒收请回复R"
_VARIABLE = re.compile(r"\$\{(\w+)\}", re.ASCII)
_CODE_WORDS = ("验证码", "注册码", "校验码", "动态码")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of SMS. `useful` and `until` (operator's time of day) end a message's use."""

    code: str
    text: str
    """The first text; `${name}` marks a variable."""
    samples: Mapping[str, str] = field(repr=False)
    category: SmsCategory = SmsCategory.SERVICE
    useful: timedelta = DAY
    until: time | None = None

    @property
    def is_code(self) -> bool:
        """Whether it carries a login code."""
        return self.category is SmsCategory.CODE

    @property
    def variables(self) -> tuple[str, ...]:
        """What the code fills in, in the order of the first text."""
        return variables_of(self.text)

    @property
    def provider_code(self) -> str:
        """Under which the first text is registered until a row says otherwise."""
        return f"SMS_{self.code.upper()}"

    def fit(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Values the provider accepts: printable, without 【】, cut to 35 characters, never empty.

        Raises ValueError when names are missing or left over.
        """
        if set(parameters) != set(self.variables):
            raise ValueError(
                f"template {self.code} takes {self.variables}, not {tuple(parameters)}"
            )
        return {name: fit_value(parameters[name]) for name in self.variables}


@lru_cache(maxsize=256)
def variables_of(text: str) -> tuple[str, ...]:
    """Names in the order of a text."""
    return tuple(_VARIABLE.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its values; raises KeyError for a missing one."""
    return _VARIABLE.sub(lambda match: values[match[1]], text)


def fit_value(value: str) -> str:
    """A value the provider accepts."""
    plain = value
    if not value.isprintable():
        plain = "".join(char if char.isprintable() else " " for char in value)
    plain = " ".join(plain.replace("【", "[").replace("】", "]").split())
    if len(plain) > MAX_VALUE:
        plain = plain[: MAX_VALUE - 1] + "…"
    return plain or "—"


def parts_of(shown: str) -> int:
    """Messages a shown text is billed as, its signature included."""
    return 1 if len(shown) <= ONE_PART else -(-len(shown) // NEXT_PART)


def objections(kind: Kind, text: str) -> list[str]:
    """What is wrong with a text for a kind, by the provider's rules and ours, in Chinese."""
    names = variables_of(text)
    rest = _VARIABLE.sub("", text)
    code_word = any(word in text for word in _CODE_WORDS)
    marketing = kind.category is SmsCategory.MARKETING
    checks = (
        (not text.strip() or len(text) > MAX_TEXT, "长度应为1至500字"),
        (len(set(names)) != len(names), "同一变量只能出现一次"),
        (re.search(r"\$\{\w+\}\$\{\w+\}", text), "变量不能相邻"),
        (names and not rest.strip(), "不能全部为变量"),
        ("${" in rest, "变量名只能用字母、数字和下划线"),
        ("【" in text or "】" in text, "不能含有【】，签名由系统加上"),
        (set(names) - set(kind.variables), f"可用变量：{'、'.join(kind.variables)}"),
        (
            "token" in kind.variables and not {"site", "token"} <= set(names),
            "须含链接变量${site}和${token}",
        ),
        (kind.is_code and names != ("code",), "验证码短信须含且只含变量${code}"),
        (kind.is_code and not code_word, "验证码短信须写明“验证码”"),
        (kind.is_code and re.search(r"https?://|www\.", text), "验证码短信不能含链接"),
        (not kind.is_code and code_word, "非验证码短信不能出现“验证码”等字样"),
        (marketing and not text.endswith(UNSUBSCRIBE), f"推广短信须以“{UNSUBSCRIBE}”结尾"),
        (not marketing and UNSUBSCRIBE in text, f"服务短信不能含“{UNSUBSCRIBE}”"),
    )
    return [words for is_wrong, words in checks if is_wrong]


_ORDER = {"order": "A2K7M9P3QX"}
_LINK = {"site": "https://milk.example.cn", "token": "k3v9Qw7Zt1Xb5Nc8Rf2Lh6Yp"}
_TICKET = {"ticket": "T2603150001"}


def _listed(*kinds: Kind) -> dict[str, Kind]:
    return {kind.code: kind for kind in kinds}


KINDS: Mapping[str, Kind] = _listed(
    Kind(
        "login_code",
        "您的登录验证码是${code}，10分钟内有效，请勿告诉他人。",
        {"code": "482913"},
        category=SmsCategory.CODE,
        useful=timedelta(minutes=5),
    ),
    Kind(
        "order_paid",
        "已收到您订单${order}的付款${amount}元，我们会尽快审核并通知您。",
        _ORDER | {"amount": "180.00"},
    ),
    Kind(
        "order_confirmed",
        "您的订单${order}已审核通过，${date}起为您送奶。",
        _ORDER | {"date": "2026-03-16"},
    ),
    Kind(
        "order_rejected",
        "很抱歉，您的订单${order}未通过审核：${reason}。已付款项将原路退回。",
        _ORDER | {"reason": "地址不在配送范围"},
    ),
    Kind("order_address_unclear", "您的订单${order}的地址需要核对，我们会尽快与您确认。", _ORDER),
    Kind(
        "refund_sent",
        "您的订单${order}的退款${amount}元已提交支付渠道，到账后我们会再通知您。",
        _ORDER | {"amount": "60.00"},
    ),
    Kind(
        "refund_done",
        "您的订单${order}已退款${amount}元，款项已退回原支付渠道。",
        _ORDER | {"amount": "60.00"},
    ),
    Kind(
        "order_change",
        "您的订单${order}已变更：${what}，自${date}起生效。",
        _ORDER | {"what": "停奶", "date": "2026-03-20"},
    ),
    Kind(
        "change_refused",
        "很抱歉，您的订单${order}的变更（${what}）未能生效，已付${amount}元将原路退回。",
        _ORDER | {"what": "换产品", "amount": "21.00"},
    ),
    Kind(
        "move_under_review",
        "您的订单${order}的搬家申请需要核对新地址，我们会尽快通知您结果。",
        _ORDER,
    ),
    Kind(
        "move_confirmed",
        "您的订单${order}自${date}起送到新地址，${until}及以前仍送原地址。",
        _ORDER | {"date": "2026-03-20", "until": "2026-03-19"},
    ),
    Kind(
        "move_awaits_box",
        "您的订单${order}的新地址需先安装奶箱，装好后短信通知您开始日期；之前仍送原地址。",
        _ORDER,
    ),
    Kind(
        "move_rejected",
        "很抱歉，您的订单${order}的搬家未通过审核：${reason}。牛奶仍送原地址。",
        _ORDER | {"reason": "地址不在配送范围"},
    ),
    Kind(
        "change_recorded",
        "送奶员为您的订单${order}记录了变更：${what}。请打开${site}/l/${token} 核对并确认，"
        "${until}前有效，不确认则不变。",
        _ORDER | _LINK | {"what": "跳过一天", "until": "3月16日16:00"},
    ),
    Kind("milk_resumed", "您的订单${order}将于${date}恢复送奶。", _ORDER | {"date": "2026-03-25"}),
    Kind(
        "renewal_reminder",
        "您的订单${order}将于${date}送完，如需继续请及时续订。",
        _ORDER | {"date": "2026-04-14"},
    ),
    Kind(
        "day_withdrawn",
        "${date}因${reason}暂停送奶，您的奶顺延至${new_end}，敬请谅解。",
        {"date": "2026-03-20", "reason": "暴雪", "new_end": "2026-04-15"},
    ),
    Kind(
        "day_withdrawn_credited",
        "${date}因${reason}暂停送奶，奶款${amount}元已存入您的账户余额，敬请谅解。",
        {"date": "2026-03-20", "reason": "暴雪", "amount": "10.50"},
    ),
    Kind(
        "withdrawal_undone",
        "原定${date}的停送已取消，届时照常为您送奶，您的奶送至${new_end}，敬请谅解。",
        {"date": "2026-03-20", "new_end": "2026-04-14"},
    ),
    Kind(
        "delivery_late",
        "很抱歉，今天${date}的牛奶会晚到，预计${until}前送达，敬请谅解。",
        {"date": "2026-03-16", "until": "09:00"},
        until=time(12),
    ),
    Kind(
        "delivery_failed",
        "很抱歉，${date}的牛奶未能送达：${reason}。未送的奶不会扣款，如有疑问请联系客服。",
        {"date": "2026-03-16", "reason": "奶不够"},
    ),
    Kind(
        "delivery_not_left",
        "${date}的牛奶未能放到您的门口：${reason}。如有疑问请联系客服，或在订单页反馈。",
        {"date": "2026-03-16", "reason": "门禁进不去"},
    ),
    Kind(
        "invoice_issued",
        "您的订单${order}的电子发票已开具，金额${amount}元，请登录查看和下载。",
        _ORDER | {"amount": "180.00"},
    ),
    Kind(
        "invoice_rejected",
        "很抱歉，您的订单${order}的发票申请未通过：${reason}。请核对后重新申请。",
        _ORDER | {"reason": "名称与纳税人识别号不一致"},
    ),
    Kind("ticket_received", "我们已收到您的反馈，编号${ticket}，24小时内答复您。", _TICKET),
    Kind("ticket_answered", "您的反馈${ticket}已有答复，请登录查看。", _TICKET),
    Kind(
        "ticket_resolved",
        "您的反馈${ticket}已处理完毕，请打开${site}/l/${token} 告诉我们是否解决，我们也将回访。",
        _TICKET | _LINK,
    ),
    Kind(
        "ticket_closed",
        "您的反馈${ticket}已办结，请打开${site}/l/${token} 为本次服务评分，谢谢。",
        _TICKET | _LINK,
    ),
    Kind(
        "phone_order_link",
        "您电话订购的订单${order}共${amount}元，请打开${site}/l/${token} 核对、同意协议并付款，"
        "${until}前有效。",
        _ORDER | _LINK | {"amount": "180.00", "until": "3月16日18:00"},
    ),
    Kind(
        "marketplace_claim",
        "您在${shop}购买的${number}号订单请打开${site}/l/${token} 填写送奶地址，${until}前有效。",
        _LINK | {"shop": "随心订天猫旗舰店", "number": "尾号4471", "until": "3月29日10:00"},
    ),
    Kind(
        "offline_receipt",
        "已收到您订单${order}的奶款${amount}元，收据号${receipt}。",
        _ORDER | {"amount": "180.00", "receipt": "R0001234"},
    ),
    Kind(
        "promotion",
        "${news}，${until}前订购有效。拒收请回复R",
        {"news": "新品酸奶上市，首周八折", "until": "3月31日"},
        category=SmsCategory.MARKETING,
    ),
)
"""By our own code. Amounts are yuan with two decimals, dates ISO 8601."""


def get_kind(code: str) -> Kind:
    """A kind; raises ValueError for an unknown code."""
    kind = KINDS.get(code)
    if kind is None:
        raise ValueError(f"there is no SMS template {code!r}")
    return kind


def provider_texts() -> dict[str, str]:
    """The first texts as they have to be registered with the provider, by its template code."""
    return {kind.provider_code: kind.text for kind in KINDS.values()}
