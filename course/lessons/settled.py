"""How a settled claim looks: a row that opens, in Markdown, and plain text.

Markdown, since JupyterLab, GitHub, Colab and pages typeset the formulas in it.
"""

import html
import re
import textwrap
from dataclasses import dataclass, field

from .plain_math import plain_math
from .verdicts import Case

WORDS = {True: "✓ holds", False: "✗ fails"}
LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
IN_PLACE = "What the course gives in its place"


@dataclass(frozen=True)
class Row:
    """A claim, its verdict, and the cases that led to it.

    Args:
        id, says, true, core: as a `Claim` has them.
        verdict: one of `VERDICTS`.
        cases: of the document's statement; if that is missing, of what the course gives.
        searched: what was searched in the document, if the statement is missing.
        notes: sentences below all, in Markdown.
    """

    id: str
    says: str
    true: str
    core: str
    verdict: str
    cases: list[Case] = field(default_factory=list)
    searched: str = ""
    notes: tuple[str, ...] = ()

    def parts(self) -> list[tuple[str, list[Case]]]:
        """Return the cases in groups: (title, cases)."""
        if self.searched:
            return [(IN_PLACE, self.cases)]
        core = [case for case in self.cases if not case.aside]
        asides = [case for case in self.cases if case.aside]
        return [("Core cases: they decide", core), ("Asides: shown, they do not decide", asides)]

    def markdown(self) -> str:
        """Return a <details> whose body is Markdown."""
        summary = f"<b>{self.id}</b> {html.escape(self.says, False)} → <b>{self.verdict}</b>"
        lines = [
            "<details>",
            f"<summary>{summary}</summary>",
            "",
            f"*What is true.* {self.true}",
            "",
        ]
        lines += [f"*Why this decides.* {self.core}", ""]
        if self.searched:
            lines += [f"Searched in the document, with the count: {_escaped(self.searched)}.", ""]
        for title, cases in self.parts():
            if cases:
                lines += [f"{title}:", "", *map(_item, cases), ""]
        for note in self.notes:
            lines += [note, ""]
        return "\n".join([*lines, "</details>"])

    def plain(self) -> str:
        """Return the same as plain text, in lines of at most 92 characters."""
        lines = [_wrapped(f"{self.id}  ", plain_math(self.says))]
        lines.append(_wrapped(f"  → {self.verdict}. ", plain_math(self.true), "    "))
        lines.append(_wrapped("    Why this decides: ", plain_math(self.core), "    "))
        if self.searched:
            words = f"Searched in the document, with the count: {self.searched}."
            lines.append(_wrapped("    ", words))
        for title, cases in self.parts():
            lines += [f"    {title}:"] if cases else []
            lines += [_wrapped(f"    {WORDS[c.holds]}: ", f"{c.name}: {c.number}") for c in cases]
        lines += [_wrapped("    ", LINK.sub(r"\1 (\2)", note)) for note in self.notes]
        return "\n".join(lines)


class Rows:
    """The rows of a chapter, as a page or as plain text shows them."""

    def __init__(self, rows: list[Row]):
        self.rows = rows

    def __repr__(self):
        return "\n".join(row.plain() for row in self.rows)

    def _repr_markdown_(self):
        return "\n\n".join(row.markdown() for row in self.rows)


def _item(case: Case) -> str:
    return f"- {WORDS[case.holds]}: **{_escaped(case.name)}**: {_escaped(case.number)}"


def _escaped(text: str) -> str:
    """Return a plain text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]#|$~])", r"\\\1", html.escape(text, False))


def _wrapped(mark: str, text: str, indent: str | None = None) -> str:
    indent = indent or " " * len(mark)
    return textwrap.fill(
        text, 92, initial_indent=mark, subsequent_indent=indent, break_on_hyphens=False
    )
