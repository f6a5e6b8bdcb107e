"""What `make run` shows: progress, the address, the demo logins."""

import contextlib
import json
import sys
import time
import unicodedata
from pathlib import Path
from typing import TextIO

from tools.run_settings import HOST, Settings

OUTBOX_PATH = "/outbox"
ROLE_NAMES = {
    "admin": "系统管理员",
    "manager": "经营主管",
    "station_manager": "站长",
    "deliverer": "送奶员",
    "reviewer": "审单员",
    "service_agent": "客服",
    "finance": "财务",
    "quality": "品控",
    "school": "学校",
    "auditor": "审计",
    "customer": "订户",
}
_BEGAN = time.monotonic()


def show(text: str, *, to: TextIO | None = None) -> None:
    """Print at once; a terminal that has gone must not keep us from ending the rest."""
    with contextlib.suppress(OSError):
        print(text, file=to or sys.stdout, flush=True)


def show_progress(text: str) -> None:
    """One line with the seconds since the start."""
    show(f"[{time.monotonic() - _BEGAN:5.1f}s] {text}")


def show_welcome(settings: Settings) -> None:
    """The web address first, then a login of each role, then the outbox of the simulators."""
    address = f"http://{HOST}:{settings.port}"
    lines = ["", f"随心订  {address}", f"接口文档 API docs  {address}/docs"]
    if settings.demo:
        lines += ["", *login_lines(settings.var / "demo" / "logins.json")]
        lines += ["", f"短信收件箱 SMS outbox  http://{HOST}:{settings.sim_port}{OUTBOX_PATH}"]
    if settings.play:
        lines += ["", *player_lines(settings)]
    lines += ["", f"日志 logs: {settings.var / 'log'}    停止 stop: Ctrl-C"]
    show("\n".join(lines))


def player_lines(settings: Settings) -> list[str]:
    """What moves by itself, how to do without, and how to see another morning."""
    log = settings.var / "log" / "player.log"
    own = f"PORT={settings.port} SIM_PORT={settings.sim_port} VAR_DIR={settings.var}"
    return [
        f"清晨演示 a morning is played by itself, once a day: {log}",
        "  不演示 without it: make run PLAY=0    另一个早晨 another morning:",
        f"  {own} .venv/bin/python -m simulators city play",
    ]


def login_lines(file: Path) -> list[str]:
    """One login of each role; `file` lists objects of role, login, password (or null) and name."""
    try:
        logins = json.loads(file.read_text())
    except (OSError, ValueError):
        return [f"演示账号 demo logins: {file} 无法读取 cannot be read"]
    first: dict[str, dict[str, str | None]] = {}
    for login in logins:
        first.setdefault(login["role"], login)
    lines = [f"演示账号 demo logins ({file})"]
    for role in sorted(first, key=lambda role: [*ROLE_NAMES, role].index(role)):
        login = first[role]
        columns = (
            (ROLE_NAMES.get(role, role), 11),
            (role, 16),
            (login.get("login") or "", 20),
            (login.get("password") or "短信验证码 code by SMS", 24),
            (login.get("name") or "", 0),
        )
        lines.append("  " + " ".join(_padded(text, width) for text, width in columns).rstrip())
    return lines


def last_line(log: Path) -> str:
    """The last line a child wrote before it ended."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _padded(text: str, width: int) -> str:
    taken = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
    return text + " " * max(width - taken, 0)
