"""The sheet a document is written on: A4, in Chinese, its pages numbered.

Import it where a document is written, and there alone: fpdf loads slowly.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos
from fpdf.fonts import FontFace

_FAMILY = "noto"
_HEAD = FontFace(emphasis=None, fill_color=(232, 238, 245))


class Sheet(FPDF):
    """A document with its title, and a foot on every page; the same input gives the same bytes."""

    def __init__(self, *, title: str, foot: str, dated: datetime, font: Path) -> None:
        """`dated` is kept in the file's properties: part of what was said, not of the hour."""
        super().__init__(format="A4")
        self._foot = foot
        self.add_font(_FAMILY, fname=font)
        self.set_title(title)
        self.set_lang("zh-CN")
        self.set_creation_date(dated)
        self.set_auto_page_break(auto=True, margin=18)
        self.add_page()
        self.say(title, size=16, height=10)

    def footer(self) -> None:
        """The foot and the page's number."""
        self.set_y(-12)
        self.set_font(_FAMILY, size=8)
        self.cell(text=f"{self._foot}　第 {self.page_no()} 页", align="C", w=self.epw)

    def say(self, text: str, *, size: float = 10, height: float = 6) -> None:
        """A line of its own; sizes in points, heights in millimetres."""
        self.set_font(_FAMILY, size=size)
        self.cell(text=text, h=height, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def head(self, text: str) -> None:
        """The heading of a part."""
        self.ln(4)
        self.say(text, size=12, height=8)

    def tell(self, text: str, *, size: float = 9) -> None:
        """A paragraph; Chinese is broken between any two letters."""
        self.set_font(_FAMILY, size=size)
        self.multi_cell(
            w=0,
            h=5.5,
            text=text,
            align="L",
            wrapmode=WrapMode.CHAR,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    def grid(
        self,
        rows: Iterable[Sequence[str]],
        *,
        widths: tuple[int, ...],
        head: Sequence[str] | None = None,
        size: float = 8,
    ) -> None:
        """A table; its head is repeated on every page."""
        self.set_font(_FAMILY, size=size)
        with self.table(
            col_widths=widths,
            line_height=6,
            headings_style=_HEAD,
            first_row_as_headings=head is not None,
            wrapmode=WrapMode.CHAR,
            text_align="LEFT",
        ) as table:
            for texts in rows if head is None else (head, *rows):
                table.row(texts)
