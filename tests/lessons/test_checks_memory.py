"""The checks of chapter 3_16_memory against published numbers and PyTorch's own count of FLOPs."""

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch.utils.flop_counter import FlopCounterMode

from course.lessons.checks import memory as checks
from course.lessons.checks.memory import limits, use
from course.parallel.views import Transformer
from course.planner.published import every_row
from course.planner.ways import SMALL


def test_the_marks_of_the_document_and_of_what_is_planted():
    assert marks(use.cases(use.document)) == "✓✓|✓"
    assert marks(use.cases(use.planted)) == "✗✗|✓"
    assert marks(limits.cases(limits.document)) == "✓✓✓|" + 8 * "✓"
    assert marks(limits.cases(limits.planted)) == "✗✗✗|" + 8 * "✓"


@pytest.mark.parametrize(
    ("check", "part", "found"),
    [(use, "compute", "✗✓|✓"), (use, "then training", "✓✗|✓"),
     (limits, "storage", "✗✓✓|✓✓✓✓✓✓✓✓"), (limits, "compute", "✓✗✓|✓✓✓✓✓✓✓✓"),
     (limits, "larger networks", "✓✓✗|✓✓✓✓✓✓✓✓")],
)  # fmt: skip
def test_each_clause_has_a_case_of_its_own(check, part, found):
    assert marks(check.cases(check.document | {part: check.planted[part]})) == found


def test_the_shares_are_those_that_the_sources_print():
    """Megatron's README prints MFU; SC21 prints FLOPs with recomputation, a third more."""
    found = {row.name: checks.share(row) for row in every_row() if row.precision != "fp8"}
    printed = {"16 B": 0.49, "70 B": 0.42, "462 B": 0.47, "GPT-3 on 96": 0.47,
               "GPT-3 on 4608": 0.42, "22 B selective": 0.415,
               "175 B selective": 0.514}  # fmt: skip
    for name, share in printed.items():
        assert found[name] == pytest.approx(share, abs=0.006), name
    assert found["145.6 B"] == pytest.approx(148 / 312 * 3 / 4, abs=0.01)
    case = by_name(use.cases(use.document))["compute can be used better"]
    assert numbers(case.number) == [len(checks.shares()), 16, 11, 56]


def test_twice_the_layers_are_the_flops_that_torch_counts():
    tokens, counted = torch.zeros(1, SMALL.sequence, dtype=torch.long), []
    for layers in (2, 4):
        model = Transformer(checks.replace(SMALL, layers=layers))
        with torch.enable_grad(), FlopCounterMode(display=False) as counter:
            model(tokens).sum().backward()
        counted.append(counter.get_total_flops())
    case = by_name(limits.cases(limits.document))["compute is limited"]
    assert numbers(case.number)[1] == pytest.approx(counted[1] / counted[0], abs=0.06)


def test_each_way_shows_the_memory_of_a_step():
    cases = by_name(limits.cases(limits.document))
    for name in ("accumulation", "checkpointing", "bfloat16", "ZeRO 3", "offload"):
        less, plain = numbers(cases[f"{name} needs less"].number)
        assert less == pytest.approx(checks.step_of(name).total / 1e6, abs=0.06)
        assert plain == pytest.approx(checks.step_of("plain").total / 1e6, abs=0.06)
