"""Plain pages: no scripts, nothing loaded from elsewhere, every value escaped."""

from collections.abc import Iterable
from html import escape
from typing import Final

from starlette.responses import HTMLResponse

_STYLE: Final = """
body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1c2a22}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d5ddd8;vertical-align:top}
nav a{margin-right:1rem}form{display:inline-block;margin:.3rem .6rem .3rem 0}
button,input{font:inherit;padding:.35rem .9rem}.note{color:#5b6b62}
.text{white-space:pre-wrap;overflow-wrap:anywhere}
"""
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    # Not `no-referrer`: with that, browsers send `Origin: null` along with our own buttons.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def page(title: str, body: str, *, status: int = 200, refresh: int | None = None) -> HTMLResponse:
    """A whole page; `body` is ready HTML, `refresh` reloads after so many seconds."""
    reload = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return HTMLResponse(
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">{reload}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        '<nav><a href="/">模拟通道</a><a href="/wechat/orders">微信支付订单</a>'
        '<a href="/alipay/trades">支付宝交易</a>'
        '<a href="/unionpay/payments">银联交易</a>'
        f'<a href="/outbox">短信发件箱</a></nav><h1>{escape(title)}</h1>{body}</body></html>',
        status_code=status,
        headers=_HEADERS,
    )


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; cells are ready HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def button(action: str, label: str) -> str:
    """A form with one button that posts to a path of this site."""
    return (
        f'<form method="post" action="{escape(action)}">'
        f'<button type="submit">{escape(label)}</button></form>'
    )
