"""The glossary: every term is introduced in bold in the chapter it names, and used in none before.

A sentence that points ahead is excepted: it says "chapter", links to a later chapter or has its
title in italics. Titles, quotations from the documents and the lists of papers do not count.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from course.lessons.contents import ROUTE
from course.lessons.ledger import claims
from course.lessons.texts_after_bets import FOLDER as AFTER_BETS
from course.lessons.texts_after_bets import texts

ROOT = Path(__file__).parents[2]
FILES = [chapter.file for chapter in ROUTE]
PLANNED = {claim.chapter for claim in claims()} | {"3_08_adaptive"} - {*FILES}
TITLES = "|".join(re.escape(chapter.title) for chapter in ROUTE)
POINTER = re.compile(rf"(?i)\bchapters?\b|<(?:i|em)>(?:{TITLES})<|(?<!\*)\*(?:{TITLES})\*(?!\*)")
BOLD = re.compile(r"\*\*(.+?)\*\*|<b>(.+?)</b>", re.S)
MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$", re.S)
GREEK = dict(
    alpha="α", beta="β", gamma="γ", delta="δ", epsilon="ε", varepsilon="ε", kappa="κ", lambda_="λ",
    mu="μ", rho="ρ", sigma="σ", tau="τ", theta="θ", eta="η", phi="φ", ell="ℓ", Delta="Δ",
)  # fmt: skip


def tables() -> list[list[list[str]]]:
    """Return the tables of the glossary, each a list of rows without its head."""
    lines = (ROOT / "notebooks/glossary.md").read_text("utf-8").splitlines()
    found, inside = [], False
    for line in lines:
        if line.startswith("|---"):
            found.append([])
            inside = True
        elif inside and line.startswith("|"):
            found[-1].append([part.strip() for part in line.strip("|").split(" | ")])
        else:
            inside = False
    return found


TERMS, LETTERS = tables()
each_term = pytest.mark.parametrize(("term", "file"), [(r[0], r[3]) for r in TERMS])
each_chapter = pytest.mark.parametrize("file", FILES)


@cache
def cells(file: str) -> list[str]:
    """Return what a chapter says below its first cell; a bet's texts stand where they are told."""
    after = texts(file) if (AFTER_BETS / f"{file}.md").exists() else {}
    said = []
    for cell in nbformat.read(ROOT / "notebooks" / f"{file}.ipynb", as_version=4).cells[1:]:
        if cell.cell_type == "markdown":
            said.append(re.sub(r"(?ms)^## Papers.*", "", cell.source))
        else:
            said += [after[t] for t in re.findall(r'\.tell\("(.*?)"\)', cell.source)]
    return said


def plain(text: str) -> str:
    """Return Markdown without titles, quotations, code, formulas and the places of links."""
    text = re.sub(r"(?m)^(?:#+|>) .*$", " ", text)
    text = re.sub(r"```.*?```|`[^`]*`", " ", text, flags=re.S)
    return re.sub(r"\]\([^)]*\)", "]", MATH.sub(" ", text))


def sentences(file: str) -> list[str]:
    """Return the sentences of a chapter in order, each in one line."""
    ends = r"(?<=[.!?:])\s+|(?<=[.!?:][*_)\"”])\s+|\n\n|\n(?=[*\d] )"
    parts = (part for cell in cells(file) for part in re.split(ends, plain(cell)))
    return [" ".join(part.split()) for part in parts if part.strip()]


def form(term: str) -> re.Pattern:
    """Return the pattern of a term in all its forms: layer, layers; initialise, initialising."""
    *first, last = re.split(r"[- ]", term)
    stem = re.escape(re.sub(r"(?:e|s|y)$", "", last)) if len(last) > 4 else re.escape(last)
    ends = r"(?:e|y|s|es|ies|ed|ing)?"
    return re.compile(
        r"(?i)\b" + "".join(re.escape(w) + r"[- ]" for w in first) + stem + ends + r"\b"
    )


def in_bold(text: str) -> list[str]:
    return [" ".join((a or b).split()).strip(".,:;!?") for a, b in BOLD.findall(text)]


def place(file: str) -> int:
    """Return where a chapter stands on the route; one still to be written comes after all."""
    return FILES.index(file) if file in FILES else len(FILES)


def used_too_early(term: str, file: str) -> list[str]:
    """Return the sentences that use a term before it stands in bold in its chapter."""
    found = []
    for earlier in FILES[: place(file)]:
        found += [f"{earlier}: {s}" for s in sentences(earlier)
                  if form(term).search(s) and not POINTER.search(s)]  # fmt: skip
    for sentence in sentences(file) if file in FILES else ():
        if any(form(term).fullmatch(words) for words in in_bold(sentence)):
            break
        if form(term).search(sentence) and not POINTER.search(sentence):
            found.append(f"{file}: {sentence}")
    return found


# ---- terms --------------------------------------------------------------------------------------


def test_the_rows_are_sorted_and_each_has_one_chinese_name():
    terms, names = [row[0] for row in TERMS], [row[1] for row in TERMS]
    assert all(len(row) == 4 and all(row) for row in TERMS)
    assert terms == sorted(terms, key=str.casefold) and len({*terms}) == len(terms)
    assert len({*names}) == len(names)
    assert all(re.fullmatch(r"[\u4e00-\u9fff]+", name) for name in names)
    assert len(terms) >= 60


@each_term
def test_it_is_introduced_in_bold_in_the_chapter_it_names(term, file):
    assert file in FILES or file in PLANNED
    if file in FILES:
        bold = [words for sentence in sentences(file) for words in in_bold(sentence)]
        assert any(form(term).fullmatch(words) for words in bold), f"**{term}** is not in {file}"


HEAD = re.compile(r"^(?:\d+\. |[*·] |\|.*\| )?$")  # what stands before bold words that name an item


@each_chapter
def test_a_term_in_bold_is_in_the_glossary(file):
    """Up to three words in bold are a term, unless they name an item of a list or end a thought."""
    for cell in cells(file):
        for line in plain(cell).splitlines():
            for match in BOLD.finditer(line):
                words = match[1] or match[2]
                names_item = HEAD.match(line[: match.start()].lstrip()) or words[-1] in ".?:"
                if names_item or len(words.split()) > 3 or len(words) == 1:
                    continue
                assert any(form(term).search(words) for term, *_ in TERMS), line


@each_term
def test_it_is_used_in_no_chapter_before(term, file):
    assert used_too_early(term, file) == []


def test_a_term_used_too_early_is_found():
    assert used_too_early("weight", "3_02_backward")
    assert used_too_early("gradient", "3_01_forward")
    assert used_too_early("logits", "3_02_backward") and used_too_early("layer", "planned")
    assert form("bias").fullmatch("biases") and form("initialise").fullmatch("Initialising")
    assert form("logits").fullmatch("logit") and not form("loss").search("lossless")
    assert form("dead unit").fullmatch("dead units") and not form("batch").fullmatch("mini-batch")


# ---- letters ------------------------------------------------------------------------------------


@cache
def formulas(file: str) -> list[str]:
    """Return the formulas of a chapter, those quoted from the documents left out."""
    text = "\n\n".join(re.sub(r"(?m)^> .*$", "", cell) for cell in cells(file))
    return [a or b for a, b in MATH.findall(text)]


def letters(formula: str) -> set[str]:
    """Return the letters of a formula, Greek ones by their sign; words and names do not count."""
    formula = re.sub(r"\\(?:text|mathrm|operatorname|begin|end)\{[^}]*\}", " ", formula)
    names = {
        GREEK.get(name, GREEK.get(name + "_", "")) for name in re.findall(r"\\([A-Za-z]+)", formula)
    }
    return names - {""} | {*re.findall(r"[^\W\d_]", re.sub(r"\\[A-Za-z]+", " ", formula))}


def test_each_letter_stands_once_in_order_and_its_name_is_one_of_the_code():
    known = [row[0] for row in LETTERS]
    assert len({*known}) == len(known) >= 30 and all(len(row) == 4 and all(row) for row in LETTERS)
    source = "\n".join(
        p.read_text("utf-8") for room in ("course", "widgets") for p in (ROOT / room).rglob("*.py")
    )
    for letter, _, name, file in LETTERS:
        assert len(letter) == 1 and file in FILES
        assert re.search(rf"\b{name.strip('`')}\b", source), name


@each_chapter
def test_its_formulas_use_the_letters_of_the_table_and_none_before_its_chapter(file):
    first = {row[0]: place(row[3]) for row in LETTERS}
    for formula in formulas(file):
        unknown = letters(formula) - {*first}
        assert not unknown, f"{unknown} in {formula}"
        early = {letter for letter in letters(formula) if first[letter] > FILES.index(file)}
        assert not early, f"{early} in {formula}: introduced later"


@each_chapter
def test_the_loss_has_its_letter_for_itself(file):
    for formula in formulas(file):
        assert not re.search(r"_\{?L\b|_\{[^}]*\bL\b", formula), f"L counts layers in {formula}"
        assert "T" not in letters(re.sub(r"\^\{?T\}?", "", formula)), formula


def test_letters_are_read_from_formulas():
    assert letters(r"\hat y_{\text{right}} - \alpha\nabla L + \varepsilon e^{z_k}") == {*"yαLεezk"}
    assert letters(r"\begin{pmatrix} v \end{pmatrix} \max_k \lambda") == {*"vkλ"}
