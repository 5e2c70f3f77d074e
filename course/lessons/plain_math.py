r"""Formulas of the ledger as plain text: "$w_t - \alpha v_t$" becomes "w_t - αv_t"."""

import re

SIGNS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "lambda": "λ",
    "theta": "θ",
    "nabla": "∇", "partial": "∂", "sum": "Σ", "odot": " ⊙ ", "leftarrow": " ← ", "lVert": "‖",
    "rVert": "‖", "top": "ᵀ", "log": "log ", "min": "min", "sqrt": "√", "mathrm": "", "hat": "",
}  # fmt: skip
RAISED = {"^ᵀ": "ᵀ", "^{-1}": "⁻¹", "^2": "²", "^3": "³", "^4": "⁴"}


def plain_math(text: str) -> str:
    """Return a text with its formulas in Unicode signs instead of TeX.

    Args:
        text: formulas stand between dollar signs; commands outside `SIGNS` are an error.

    Raises:
        KeyError: for a command without a sign.
    """
    return re.sub(r"\$([^$]+)\$", lambda found: _plain(found[1]), text)


def _plain(formula: str) -> str:
    formula = formula.replace("\\,", " ").replace(r"\hat{y}", "ŷ")
    formula = re.sub(r"\\([A-Za-z]+)( (?=[\\A-Za-z]))?", lambda found: SIGNS[found[1]], formula)
    for tex, sign in RAISED.items():
        formula = formula.replace(tex, sign)
    formula = re.sub(r"(?<![_^])\{([^{}]*)\}", r"\1", formula)  # after √, around a name
    return re.sub(r"  +", " ", re.sub(r"\{(\w)\}", r"\1", formula))
