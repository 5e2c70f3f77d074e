"""What the tests of the ledger share: marks of cases, and the numbers in a sentence."""

import math
import re

NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?|inf"


def marks(cases) -> str:
    """One mark a case, as `settle` shows it: ✓ holds, ✗ fails; asides after a stroke."""
    cases = list(cases)
    assert all(type(case.holds) is bool for case in cases)
    core = "".join("✗✓"[case.holds] for case in cases if not case.aside)
    asides = "".join("✗✓"[case.holds] for case in cases if case.aside)
    return f"{core}|{asides}" if asides else core


def by_name(cases) -> dict:
    """Cases by their names, which must differ."""
    found = {case.name: case for case in cases}
    assert len(found) == len(cases)
    return found


def numbers(text: str) -> list[float]:
    """Every number of a sentence, in order."""
    return [float(found.replace(",", "")) for found in re.findall(NUMBER, text)]


def near(a: float, b: float, share: float = 0.02) -> bool:
    """Equal but for the last digit, a share, or what two processors round differently."""
    digits = max(0.0, 1 - math.floor(math.log10(abs(b)))) if b and math.isfinite(b) else 0
    last = 10.0 ** -min(digits, 2)  # the course prints two or three digits
    return a == b or max(abs(a), abs(b)) < 1e-8 or abs(a - b) <= max(share * abs(b), last)
