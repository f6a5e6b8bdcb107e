"""Registered SMS texts, their kinds and what may be filled in (SMS template rules)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from simulators.channels.aliyun_sms.errors import SmsRefused

MAX_TEXT: Final = 500
MAX_VALUE: Final = 35

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}", re.ASCII)
_CODE_WORDS: Final = ("验证码", "注册码", "校验码", "动态码")
_UNSUBSCRIBE: Final = "拒收请回复R"


class TemplateKind(StrEnum):
    """Kind of a text; limits per phone number depend on it."""

    CODE = "code"
    NOTICE = "notice"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A registered text with its variables in their order."""

    code: str
    text: str
    kind: TemplateKind
    variables: tuple[str, ...]

    def fill(self, raw_values: str | None) -> str:
        """The text with the values of a TemplateParam filled in.

        Raises SmsRefused: isv.INVALID_JSON_PARAM, isv.TEMPLATE_MISSING_PARAMETERS,
        isv.PARAM_LENGTH_LIMIT, isv.TEMPLATE_PARAMS_ILLEGAL.
        """
        values = _read_values(raw_values)
        missing = [name for name in self.variables if not values.get(name)]
        if missing:
            text = f"模板变量缺少对应参数值：{', '.join(missing)}"
            raise SmsRefused("isv.TEMPLATE_MISSING_PARAMETERS", text)
        for name in self.variables:
            value = values[name]
            if len(value) > MAX_VALUE:
                raise SmsRefused("isv.PARAM_LENGTH_LIMIT", f"参数超过长度限制：{name}")
            if self.kind is TemplateKind.CODE and not 4 <= len(value) <= 6:
                text = f"验证码变量长度应为4至6位：{name}"
                raise SmsRefused("isv.TEMPLATE_PARAMS_ILLEGAL", text)
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)


class Templates:
    """The registry of one account."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._known: dict[str, Template] = {}
        self.register(texts)

    def register(self, texts: Mapping[str, str]) -> None:
        """Add or replace texts by code; raises ValueError naming each rule a text breaks.

        Nothing is registered when one text is refused.
        """
        faults = [f"{code}: {issue}" for code, text in texts.items() for issue in review(text)]
        if faults:
            raise ValueError("; ".join(faults))
        for code, text in texts.items():
            self._known[code] = Template(
                code=code,
                text=text,
                kind=kind_of(text),
                variables=tuple(_VARIABLE.findall(text)),
            )

    def get(self, code: str) -> Template:
        """A registered text; raises SmsRefused isv.SMS_TEMPLATE_ILLEGAL."""
        template = self._known.get(code)
        if template is None:
            raise SmsRefused("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        return template

    def all(self) -> dict[str, str]:
        """Texts by code."""
        return {code: template.text for code, template in self._known.items()}


def kind_of(text: str) -> TemplateKind:
    """The kind a text's words give it."""
    if any(word in text for word in _CODE_WORDS):
        return TemplateKind.CODE
    return TemplateKind.MARKETING if _UNSUBSCRIBE in text else TemplateKind.NOTICE


def review(text: str) -> list[str]:
    """What the provider's review would object to, in Chinese; empty when it passes."""
    names = _VARIABLE.findall(text)
    issues = []
    if not text.strip() or len(text) > MAX_TEXT:
        issues.append("长度应为1至500字")
    if len(set(names)) != len(names):
        issues.append("同一变量只能出现一次")
    if re.search(r"\$\{\w+\}\$\{\w+\}", text):
        issues.append("变量不能相邻")
    if names and not _VARIABLE.sub("", text).strip():
        issues.append("不能全部为变量")
    if "${" in _VARIABLE.sub("", text):
        issues.append("变量名只能用字母、数字和下划线")
    if "【" in text or "】" in text:
        issues.append("不能含有【】")
    kind = kind_of(text)
    if kind is TemplateKind.CODE and len(names) != 1:
        issues.append("验证码模板只能有一个变量")
    if kind is TemplateKind.CODE and re.search(r"https?://|www\.", text):
        issues.append("验证码模板不能含链接")
    if kind is TemplateKind.MARKETING and not text.endswith(_UNSUBSCRIBE):
        issues.append("推广短信须以“拒收请回复R”结尾")
    return issues


def _read_values(raw: str | None) -> dict[str, str]:
    if not raw:
        return {}
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SmsRefused("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值") from error
    if not isinstance(values, dict):
        raise SmsRefused("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
    read = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SmsRefused("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
        text = str(value)
        if not text.isprintable():
            # lone surrogates and control characters never reach a phone
            raise SmsRefused("isv.TEMPLATE_PARAMS_ILLEGAL", "模板变量含有非法字符")
        read[name] = text
    return read
