"""How a row of the ledger looks: Markdown that opens, the same in plain text, formulas in both."""

import re
import sys

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert.filters.markdown import markdown2html

from course.lessons.ledger import claims, settle
from course.lessons.plain_math import plain_math
from course.lessons.settled import Row, Rows
from course.lessons.verdicts import Case
from widgets.lessons.bet import Bet

CASES = [
    Case("|v| ≤ 3 * x_1", True, "a < b, 5 $ and `c`"), Case("by <b>name</b>", False, "[1] #2"),
    Case("beside", False, "no", aside=True),
]  # fmt: skip
ROW = Row("D9-1", "$a_l < b$ & more", "so $\\alpha$", "as it is", "imprecise", CASES)


def page(row: Row) -> BeautifulSoup:
    return BeautifulSoup(markdown2html(row.markdown()), "html.parser")


def test_a_row_opens_from_its_claim_to_its_cases():
    details = page(ROW).details
    assert details.summary.get_text() == "D9-1 $a_l < b$ & more → imprecise"
    assert [b.get_text() for b in details.summary.select("b")] == ["D9-1", "imprecise"]
    assert "open" not in details.attrs
    lines = [item.get_text() for item in details.select("li")]
    assert lines == [
        "✓ holds: |v| ≤ 3 * x_1: a < b, 5 $ and `c`",
        "✗ fails: by <b>name</b>: [1] #2",
        "✗ fails: beside: no",
    ]
    core, asides = details.select("ul")
    assert len(core.select("li")) == 2 and len(asides.select("li")) == 1
    words = details.get_text()
    assert words.index("as it is") < words.index("they decide") < words.index("do not decide")


def test_the_plain_text_says_the_same():
    text = ROW.plain()
    lines = text.splitlines()
    assert lines[0] == "D9-1  a_l < b & more" and "→ imprecise. so α" in lines[1]
    assert "    ✓ holds: |v| ≤ 3 * x_1: a < b, 5 $ and `c`" in lines
    assert max(map(len, lines)) <= 92 and "\\" not in text
    assert repr(Rows([ROW, ROW])) == f"{text}\n{text}"


def test_a_missing_statement_says_what_was_searched_and_what_is_given_instead():
    row = Row("D9-2", "none", "x", "y", "missing", CASES[:1], "equals signs: 0; words: 2")
    for words in (page(row).get_text(), row.plain()):
        words = " ".join(words.split())
        assert "Searched in the document, with the count: equals signs: 0; words: 2." in words
        assert "What the course gives in its place" in words and "they decide" not in words


def test_a_claim_whose_check_has_not_run_has_its_verdict_and_no_cases():
    row = Row("D9-3", "s", "t", "c", "wrong")
    assert not page(row).select("li") and "→ wrong" in row.plain()


@given(st.text("ab*_`$<>&[]#|~\\{}^ 1.-=!", min_size=1).filter(lambda t: t.strip() == t))
def test_any_name_is_shown_as_it_is(name):
    (item,) = page(Row("D9-4", "s", "t", "c", "holds", [Case(name, True, "0")])).select("li")
    assert " ".join(item.get_text().split()) == " ".join(f"✓ holds: {name}: 0".split())


@pytest.mark.parametrize(
    "tex, plain",
    [
        (r"$\partial L/\partial W_l = \delta_l a_{l-1}^\top$", "∂L/∂W_l = δ_l a_{l-1}ᵀ"),
        (r"$\theta \leftarrow \theta - \alpha\nabla L(\theta)$ now", "θ ← θ - α∇L(θ) now"),
        (r"$(W_{l+1}^\top \delta_{l+1}) \odot f'(z_l)$", "(W_{l+1}ᵀδ_{l+1}) ⊙ f'(z_l)"),
        (r"$-(1/N) \sum_{i} y_{ic} \log \hat{y}_{ic}$", "-(1/N) Σ_i y_{ic} log ŷ_{ic}"),
        (r"$1/\sqrt{B}$, $x^4$, $(H + \lambda I)^{-1}$", "1/√B, x⁴, (H + λI)⁻¹"),
        (r"$\mathrm{clip}(g, -\epsilon, \epsilon)$", "clip(g, -ε, ε)"),
    ],
)
def test_formulas_in_plain_text(tex, plain):
    assert plain_math(tex) == plain


def test_a_command_without_a_sign_is_an_error():
    with pytest.raises(KeyError, match="frac"):
        plain_math(r"$\frac{1}{2}$")


def test_every_claim_of_the_ledger_becomes_a_row_of_markdown():
    for claim in claims():
        row = Row(claim.id, claim.says, claim.true, claim.core, claim.verdict)
        found = page(row).details
        assert found.summary.get_text().endswith(f"→ {claim.verdict}")
        assert found.select("p") and not re.search(r"[*]{2}|&lt;", found.get_text())


@pytest.fixture
def shell():
    """An IPython shell, as a kernel has one, for displays."""
    hook, excepthook = sys.displayhook, sys.excepthook
    found = InteractiveShell.instance()
    yield found
    InteractiveShell.clear_instance()
    sys.displayhook, sys.excepthook = hook, excepthook


def test_a_notebook_gets_markdown_and_plain_text(shell):
    with capture_output() as captured:
        assert settle("00_start_here") is None
    (output,) = captured.outputs
    assert set(output.data) == {"text/plain", "text/markdown"}
    assert output.data["text/markdown"].startswith("<details>\n<summary><b>D1-1b</b>")
    assert "→ holds." in output.data["text/plain"] and not captured.stdout


def test_a_reveal_stores_rows_that_open_inside_it(shell):
    from course.lessons import Choice

    question = "Does the loss fall?"
    with capture_output():
        bet = Bet(question, lambda: "yes", Choice("yes", "no"), "3_04_momentum", interactive=False)
        reveal = bet.then(lambda _: settle("00_start_here"), "The checks")
    rows = BeautifulSoup(reveal.stored, "html.parser").select("details > details")
    assert len(rows) == 1 and rows[0].summary.b.get_text() == "D1-1b"
    assert len(rows[0].select("li")) == 4
