"""QR codes inside a page: one drawing, no style or script of its own."""

import segno
from markupsafe import Markup

QUIET_MODULES = 4
"""White around the code, in modules, as ISO/IEC 18004 wants it."""


def qr_svg(text: str) -> Markup:
    """A text as a QR code with medium error correction, sized by its style sheet.

    Raises ValueError for a text no code holds.
    """
    code = segno.make_qr(text, error="m")
    drawn = code.svg_inline(border=QUIET_MODULES, omitsize=True, svgclass=None, lineclass=None)
    return Markup(drawn)  # noqa: S704  # a path of numbers; the text itself is not in it
