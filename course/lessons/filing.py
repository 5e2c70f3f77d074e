"""File an error in this course: a sentence, what is true, and a program that shows it.

    file_error("3_01_forward", says="…", true="…", holds=a_function)

A claim about the documents stands in the ledger only with a program. Here it is the same: the
function is called first, and where it says that the sentence holds, there is nothing to file.
"""

import inspect
import platform
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from ..errors import CourseError, check_choice, shown
from ..version import __version__
from .contents import REPOSITORY, ROUTE

LONGEST = 4000  # characters: a longer address is cut by some browsers


@dataclass(frozen=True)
class Filed:
    """An error that was found in this course; in a notebook it is a link that files it.

    Attributes:
        title: of the issue.
        body: its text, in Markdown.
    """

    title: str
    body: str

    @property
    def address(self) -> str:
        """Return the address of the form, filled in."""
        asked = urlencode({"title": self.title, "body": self.body})
        return f"https://github.com/{REPOSITORY}/issues/new?{asked}"

    def __repr__(self) -> str:
        return f"{self.title}\n\n{self.body}"

    def _repr_markdown_(self) -> str:
        return f"{self.body}\n\n[File it]({self.address})"


def file_error(chapter: str, says: str, true: str, holds: Callable[[], bool]) -> Filed:
    """Return a sentence of the course that does not hold, ready to be filed.

    Args:
        chapter: the file name of the chapter, without .ipynb.
        says: the sentence.
        true: what is so instead.
        holds: called without arguments; tells whether the sentence holds, where you tried it.

    Raises:
        CourseError: for an unknown chapter, an empty text, a function that cannot be called or
            returns no bool, a sentence that holds, and an address that becomes too long.
    """
    check_choice("chapter", chapter, tuple(c.file for c in ROUTE))
    for name, text in {"says": says, "true": true}.items():
        if not isinstance(text, str) or not text.strip():
            raise CourseError(f"{name} = {shown(text)}; allowed: a sentence; write one")
    if not callable(holds):
        raise CourseError(f"holds = {shown(holds)}; allowed: a function; hand it over uncalled")
    found = holds()
    if not hasattr(found, "__bool__") or found is None:
        raise CourseError(f"holds() = {shown(found)}; allowed: True or False; return one of them")
    if found:
        raise CourseError("holds() = True; allowed: False; a sentence that holds is no error")
    versions = f"course {__version__}, Python {'.'.join(platform.python_version_tuple()[:2])}"
    body = (
        f"**Says:** {says.strip()}\n\n**True:** {true.strip()}\n\n"
        f"**A program that shows it** ({versions}):\n\n```python\n{source(holds)}\n```"
    )
    filed = Filed(f"{chapter}: {textwrap.shorten(says, 60, placeholder=' …')}", body)
    if len(filed.address) > LONGEST:
        raise CourseError(
            f"the address has {len(filed.address):,} characters; allowed: {LONGEST:,}; "
            "write a shorter program"
        )
    return filed


def source(function: Callable) -> str:
    """Return the source of a function; its name, where there is none to read."""
    try:
        return textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        return f"# {getattr(function, '__name__', 'a function')}: no source to read"
