"""What can go wrong with messages, their texts and limits."""

from app.core.errors import Conflict, NotFound, Unprocessable


class KindUnknown(NotFound):
    """No such kind of SMS."""

    code = "sms_kind_unknown"
    title = "没有这种短信"


class TextRefused(Unprocessable):
    """A text breaks the provider's rules. Facts: `objections`."""

    code = "sms_text_refused"
    title = "短信文本不符合要求"


class TemplateTooEarly(Unprocessable):
    """A new text needs its review first: it starts tomorrow at the earliest."""

    code = "sms_template_too_early"
    title = "新文本最早明天起生效：运营商审核需要时间"


class TemplateChangedMeanwhile(Conflict):
    """Another change of the same kind came first."""

    code = "sms_template_changed"
    title = "短信模板刚被他人修改，请刷新后重试"


class ProviderCodeMissing(Unprocessable):
    """Only a registered text can be approved."""

    code = "sms_provider_code_missing"
    title = "请填写运营商的模板编号"


class RuleTooEarly(Unprocessable):
    """A limit cannot start in the past."""

    code = "sms_rule_too_early"
    title = "短信限额不能从过去的日期起生效"


class RuleChangedMeanwhile(Conflict):
    """Another change of the same limits came first."""

    code = "sms_rule_changed"
    title = "短信限额刚被他人修改，请刷新后重试"


class StillOnItsWay(Conflict):
    """A message that is being sent is not sent again."""

    code = "sms_still_on_its_way"
    title = "短信正在发送，请稍后再看结果"


class CodeNotResent(Conflict):
    """Login codes are asked for anew by their owner."""

    code = "sms_code_not_resent"
    title = "登录验证码不能重发，请顾客重新获取"


class NoLongerUseful(Conflict):
    """The message's time of day is over."""

    code = "sms_no_longer_useful"
    title = "这条短信已过时效，不再发送"


class ContentGone(Conflict):
    """Phone and content were erased."""

    code = "sms_content_gone"
    title = "该顾客的信息已删除，不能重发"
