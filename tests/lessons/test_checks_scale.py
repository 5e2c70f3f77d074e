"""The checks of chapter 2_2_scale against FLOPs, bytes and gradients counted in another way."""

import copy

import pytest
import torch
from ledger_cases import by_name, marks, numbers
from torch import nn

from course import MLP, load_data
from course.lessons import split_runs
from course.lessons.checks import scale, splits
from course.lessons.split_runs import FREE, SIZES, rows_of, step, together, trained


def test_flops_are_those_of_the_products():
    """Up 2, down 4 for each weight and row; the gradient by the data is asked for, too."""
    for rows, width in ((256, 32), (100, 16)):
        weights = 64 * width + width * width + width * 10
        assert scale.flops(rows, width) == 6 * rows * weights


def test_ranks_send_what_a_ring_sends():
    size = len(MLP([64, 32, 32, 10]).theta) + 1  # the loss travels along
    for ranks in (1, 2, 4):
        assert scale.bytes_sent(ranks) == pytest.approx(2 * (ranks - 1) * 4 * size)


def test_errors_are_those_of_plain_torch():
    """The same network trained by torch.optim on all rows at a time makes about as many errors."""
    found = []
    for seed in range(3):
        data = load_data("digits", seed).subset(200)
        module = MLP([64, 64, 10], seed=seed).to_module()
        order = torch.optim.Adam(module.parameters(), lr=0.01)
        for _ in range(100):
            order.zero_grad()
            nn.functional.cross_entropy(module(data.x_train), data.y_train).backward()
            order.step()
        with torch.no_grad():
            right = module(data.x_test).argmax(1) == data.y_test
        found.append(1 - float(right.float().mean()))
    assert scale.error(200, 64) == pytest.approx(sum(found) / 3, abs=0.02)


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_parts_of_a_batch_divide_activations_and_leave_the_gradient(parts):
    assert scale.activation_bytes(parts) * parts == scale.activation_bytes(1)
    assert scale.parts_gap(parts) < 1e-12


def test_the_intensity_of_a_product():
    n = 12
    flops, moved = 2 * n**3, 2 * (n * n + n * n + n * n)
    assert scale.intensity(n) == flops / moved
    assert [round(ridge) for _, ridge in scale.RIDGES.values()] == [153, 229]


def test_what_is_not_named_is_a_case():
    nothing = {"large": (), "costs": (), "accuracy": "can rise", "models": False}
    assert marks(scale.examine_scale(nothing)) == "✗✗✗✓"
    cases = by_name(scale.examine_scale(nothing | {"costs": ("compute", "storage", "time")}))
    for price in ("compute", "storage", "time"):
        assert numbers(cases[f"it costs {price}"].number)[-1] == 2.0


# ---- splits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "words"), [("data", ": 1"), ("tensor", ": 4")])
def test_one_number_of_nodes_is_said_once(split, words):
    first = splits.examine_distribution(split)[0]
    assert first.number == f"nodes that get a sample in an epoch{words}"


def test_training_alone_is_that_of_torch():
    data = load_data("digits", 0, dtype=torch.float64)
    model = split_runs.network()
    module = model.to_module()
    order = torch.optim.Adam(module.parameters(), lr=0.01)
    from course.data.batches import Batches  # the order of the rows

    batches = Batches(model, data, split_runs.B, 0)
    for _ in range(10):
        rows = batches.rows()
        order.zero_grad()
        nn.functional.cross_entropy(module(data.x_train[rows]), data.y_train[rows]).backward()
        order.step()
    theirs = torch.cat([torch.cat([part.weight, part.bias[:, None]], 1).flatten()
                        for part in module if isinstance(part, nn.Linear)])  # fmt: skip
    assert (trained("data", 1) - theirs.detach()).abs().max() < 1e-9
    assert (trained("tensor", 4) - theirs.detach()).abs().max() < 1e-9


@pytest.mark.parametrize("micro", [1, 8])
def test_stages_work_together_as_the_formula_of_the_bubble_says(micro):
    """Four equal stages: 4 m / (m + 3) ranks at a time; ours differ by their ends alone."""
    way = "one stage after the other" if micro == 1 else "stages with micro-batches"
    assert together(way) == pytest.approx(4 * micro / (micro + 3), rel=0.25)
    assert together("tensor") == pytest.approx(4, rel=0.1) == together("data")


def test_a_gradient_without_the_exchange_is_that_of_the_own_rows():
    data = load_data("digits", 0, dtype=torch.float64)
    module = split_runs.network().to_module()
    alone = step("data", 4, FREE, silent=True).gradients
    for rank, (mine, _) in enumerate(alone):
        own = copy.deepcopy(module)
        rows = slice(16 * rank, 16 * rank + 16)
        loss = nn.functional.cross_entropy(own(data.x_train[rows]), data.y_train[rows]) / 4
        loss.backward()
        theirs = torch.cat([torch.cat([part.weight.grad, part.bias.grad[:, None]], 1).flatten()
                            for part in own if isinstance(part, nn.Linear)])  # fmt: skip
        assert (mine - theirs).abs().max() < 1e-12
    for split in ("data", "tensor", "pipeline"):
        assert step(split, 4, FREE).off < 1e-12 < step(split, 4, FREE, silent=True).off


def test_rows_are_read_from_what_ranks_compute_with():
    found = rows_of("data")
    assert sorted(sum(found, [])) == list(range(96)) and {len(rows) for rows in found} == {24}
    assert all(sorted(rows) == list(range(96)) for rows in rows_of("tensor"))


def test_the_words_of_the_exchange_name_its_kind():
    cases = splits.examine_exchange({"data": 2, "tensor": 2, "pipeline": 2})
    kinds = [case.number.partition("right with: ")[2] for case in cases]
    assert kinds == ["all_reduce", "all_reduce", "send"]


def test_four_ranks_share_the_network_evenly():
    assert len(SIZES) == 5 and splits.held("tensor").owners("weights").sum(0).max() == 1
