"""The texts of our SMS, as they are registered with the provider.

Rules of the provider: at most 500 characters, each variable once, none adjacent, values of 1 to 35
characters; a code text has one variable and names itself a code.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_VALUE = 35
_VARIABLE = re.compile(r"\$\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One text; `${name}` marks a variable. `is_code`: dies young and is never sent twice."""

    code: str
    text: str
    is_code: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        """Names in the order of the text."""
        return tuple(_VARIABLE.findall(self.text))

    @property
    def provider_code(self) -> str:
        """Under which the text is registered, unless the settings name another."""
        return f"SMS_{self.code.upper()}"

    def fit(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Values the provider accepts: printable, without 【】, cut to 35 characters, never empty.

        Raises ValueError when names are missing or left over.
        """
        if set(parameters) != set(self.variables):
            raise ValueError(
                f"template {self.code} takes {self.variables}, not {tuple(parameters)}"
            )
        return {name: _fit(parameters[name]) for name in self.variables}


def _fit(value: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in value)
    plain = " ".join(plain.replace("【", "[").replace("】", "]").split())
    if len(plain) > MAX_VALUE:
        plain = plain[: MAX_VALUE - 1] + "…"
    return plain or "—"


def _listed(*templates: Template) -> dict[str, Template]:
    return {template.code: template for template in templates}


TEMPLATES: Mapping[str, Template] = _listed(
    Template("login_code", "您的登录验证码是${code}，10分钟内有效，请勿告诉他人。", is_code=True),
    Template("order_confirmed", "您的订单${order}已审核通过，${date}起为您送奶。"),
    Template(
        "order_rejected", "很抱歉，您的订单${order}未通过审核：${reason}。已付款项将原路退回。"
    ),
    Template("order_address_unclear", "您的订单${order}的地址需要核对，我们会尽快与您确认。"),
    Template("refund_done", "您的订单${order}已退款${amount}元，款项已退回原支付渠道。"),
    Template("order_change", "您的订单${order}已变更：${what}，自${date}起生效。"),
    Template(
        "change_refused",
        "很抱歉，您的订单${order}的变更（${what}）未能生效，已付${amount}元将原路退回。",
    ),
    Template("milk_resumed", "您的订单${order}将于${date}恢复送奶。"),
    Template("renewal_reminder", "您的订单${order}将于${date}送完，如需继续请及时续订。"),
    Template("day_withdrawn", "${date}因${reason}暂停送奶，您的奶顺延至${new_end}，敬请谅解。"),
    Template("ticket_received", "我们已收到您的反馈，编号${ticket}，24小时内答复您。"),
    Template("ticket_answered", "您的反馈${ticket}已有答复，请登录查看。"),
    Template(
        "ticket_resolved",
        "您的反馈${ticket}已处理完毕，请打开${site}/l/${token} 告诉我们是否解决，我们也将回访。",
    ),
    Template(
        "phone_order_link",
        "您电话订购的订单${order}共${amount}元，请打开${site}/l/${token} 核对、同意协议并付款，"
        "${until}前有效。",
    ),
    Template("offline_receipt", "已收到您订单${order}的奶款${amount}元，收据号${receipt}。"),
)
"""By our own code. Amounts are yuan with two decimals, dates ISO 8601."""


def get_template(code: str) -> Template:
    """A registered text; raises ValueError for an unknown code."""
    template = TEMPLATES.get(code)
    if template is None:
        raise ValueError(f"there is no SMS template {code!r}")
    return template


def provider_texts() -> dict[str, str]:
    """What has to be registered with the provider, by its template code."""
    return {template.provider_code: template.text for template in TEMPLATES.values()}
