"""The guard that keeps real money and simulated money apart, the same for every channel."""

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.core.config import InstallationSettings
from app.core.errors import SetupError

DEMO_PREFIX: Final = "99"
"""Generated demo accounts start so; no real merchant's or application's number does."""


def check_real_money(
    installed: InstallationSettings,
    *,
    channel: str,
    prefix: str,
    base_url: str,
    account: tuple[str, str],
    private_key_path: Path | None,
) -> None:
    """Raise SetupError unless address, account and installation belong together.

    `account` is the name of the setting that holds the account's number, and the number. The
    simulator's keys work with the simulator's address only, and both only in a demo.
    """
    name, number = account
    parts = urlsplit(base_url)
    simulated = _is_loopback(parts.hostname)
    demo_keys = number.startswith(DEMO_PREFIX) or _lies_in(private_key_path, installed.demo_dir)
    if not simulated and parts.scheme != "https":
        raise SetupError(f"{prefix}BASE_URL {base_url} is not https: correct it.")
    if not installed.demo and simulated:
        raise SetupError(
            f"{prefix}BASE_URL {base_url} is a simulator's address outside a demo: "
            f"unset it to reach {channel} itself."
        )
    if not installed.demo and demo_keys:
        raise SetupError(
            f"{prefix}{name} or {prefix}PRIVATE_KEY_PATH is a demo's generated account: "
            "set those of your own merchant account."
        )
    if simulated != demo_keys:
        raise SetupError(
            f"{prefix}BASE_URL and the {channel} keys do not belong together "
            "(a simulator's address with production keys, or the reverse): set both or neither."
        )
    if not installed.demo and urlsplit(installed.base_url).scheme != "https":
        raise SetupError(
            f"{channel} sends notifications to https only, not to {installed.base_url}: "
            "set PUBLIC_URL to the address under which this installation is reached."
        )


def key_file_text(path: Path | None, name: str) -> str:
    """The text of a key file; raises SetupError when it cannot be read."""
    if path is None:
        raise SetupError(f"{name} is not set: name the PEM file of the key.")
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{name} {path} cannot be read: name the PEM file of the key.") from error


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lies_in(path: Path | None, folder: Path) -> bool:
    return path is not None and path.resolve().is_relative_to(folder.resolve())
