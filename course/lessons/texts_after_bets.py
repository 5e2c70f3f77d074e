"""What a chapter says only after its bet: texts that its notebook must not hold.

    read_text("3_05_clipping", "What came out")     Markdown

A notebook shows the source of its cells, so prose that tells a result stands in a file of its own,
`after_bets/CHAPTER.md`, each text below a line "# title". A title tells nothing.
"""

import re
from functools import cache
from pathlib import Path

from ..errors import check_choice

FOLDER = Path(__file__).parent / "after_bets"


@cache
def texts(chapter: str) -> dict[str, str]:
    """Return the texts of a chapter by title, as Markdown.

    Args:
        chapter: the file name of a chapter with a bet, without .ipynb.

    Raises:
        CourseError: for another name.
    """
    check_choice("chapter", chapter, sorted(path.stem for path in FOLDER.glob("*.md")))
    text = (FOLDER / f"{chapter}.md").read_text("utf-8")
    parts = re.findall(r"^# ([^\n]+)\n(.*?)(?=^# |\Z)", text, flags=re.M | re.S)
    return {title: body.strip() for title, body in parts}


def read_text(chapter: str, title: str) -> str:
    """Return a text of a chapter. Raise `CourseError` for an unknown chapter or title."""
    known = texts(chapter)
    return known[check_choice("title", title, known)]
