"""What can go wrong with a link."""

from app.core.errors import Conflict, NotFound


class LinkUnknown(NotFound):
    """No such link, or not one for this."""

    code = "link_unknown"
    title = "链接无效，请检查短信中的地址"


class LinkExpired(NotFound):
    """The link's time is over, or a newer one was sent."""

    code = "link_expired"
    title = "链接已失效，请使用最新短信中的链接或联系客服"


class LinkUsed(Conflict):
    """The link was used for something else already. Facts: `used_for`."""

    code = "link_used"
    title = "您已经通过此链接答复过了"
