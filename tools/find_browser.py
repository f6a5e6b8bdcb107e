"""Find Chromium for the tests of pages, or install Debian's where that is allowed.

`python tools/find_browser.py` prints nothing when it is there. As root on Debian or Ubuntu it
installs `chromium` and a Chinese font; elsewhere it says what to install.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-noto-cjk")
MEND = (
    "The tests of pages need Chromium: install it (Debian: `sudo apt install "
    f"{' '.join(PACKAGES)}`), or set CHROMIUM to one. 页面测试需要 Chromium。"
)


def find_browser() -> str | None:
    """Path of an installed Chromium: CHROMIUM, else what PATH has."""
    given = os.environ.get("CHROMIUM")
    if given:
        return given if os.access(given, os.X_OK) else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def may_install() -> bool:
    """Whether this is root on a machine with apt."""
    return (
        os.geteuid() == 0 and shutil.which("apt-get") is not None and "CHROMIUM" not in os.environ
    )


def install() -> bool:
    """Install Debian's; false when that failed."""
    print(f"安装 installing {' '.join(PACKAGES)} (for the tests of pages)", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return all(
        subprocess.run(
            ["apt-get", "-qq", *words], env=environment, check=False, stdout=subprocess.DEVNULL
        ).returncode
        == 0
        for words in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES])
    )


def main() -> int:
    """Exit code 0 when a browser is there; otherwise one sentence and 1."""
    if find_browser() or (may_install() and install() and find_browser()):
        return 0
    print(MEND, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
