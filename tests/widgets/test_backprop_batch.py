"""A batch of samples: its numbers are the samples', its gradient autograd's of the mean loss."""

import math

import pytest
import torch
from backprop_labs import LOSSES, close, few, fewer, literals, python
from hypothesis import given
from hypothesis import strategies as st

from course import CourseError
from course.lessons.backprop_batch import BackpropBatch
from course.lessons.formulas import parse


@st.composite
def batches(draw):
    """A batch of any allowed kind, with biases, inputs and targets of its own."""
    loss = draw(st.sampled_from(sorted(LOSSES)))
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    sizes[-1] = max(sizes[-1], 2 if loss == "cross_entropy" else 1)
    B = draw(st.integers(1, 4))
    rows = st.lists(st.floats(-1.5, 1.5), min_size=sizes[0], max_size=sizes[0])
    if loss == "cross_entropy":
        targets = st.integers(1, sizes[-1])
    else:
        targets = st.lists(st.floats(0, 1), min_size=sizes[-1], max_size=sizes[-1])
    x, target = ([draw(kind) for _ in range(B)] for kind in (rows, targets))
    activation = draw(st.sampled_from(["relu", "tanh", "sigmoid", "gelu"]))
    return BackpropBatch(sizes, activation, loss, x, target, seed=draw(st.integers(0, 9)))


def referee(batch):
    """Return torch's module, its loss on the whole batch, and its gradients, as the names say."""
    module = batch.model.to_module()
    x = torch.tensor([[batch.values[f"x[{j}]:{k}"] for j in range(1, batch.sizes[0] + 1)]
                      for k in range(1, len(batch.traces) + 1)], dtype=torch.float64)  # fmt: skip
    y = torch.tensor([[batch.values[f"y[{i}]:{k}"] for i in range(1, batch.sizes[-1] + 1)]
                      for k in range(1, len(batch.traces) + 1)], dtype=torch.float64)  # fmt: skip
    loss = LOSSES[batch.loss](module(x), y.argmax(1) if batch.loss == "cross_entropy" else y)
    parameters = list(module.parameters())
    grads = torch.autograd.grad(loss, parameters)
    names = [batch.entries(kind, n) for n in range(1, batch.depth + 1) for kind in ("dw", "db")]
    pairs = zip(names, grads, strict=True)
    gradient = {name: g for keys, grad in pairs
                for name, g in zip(keys, grad.flatten().tolist(), strict=True)}  # fmt: skip
    return module, loss, gradient


@few
@given(batches())
def test_the_mean_is_the_gradient_of_the_batch(batch):
    _, loss, gradient = referee(batch)
    assert close(batch.values["loss"], loss.item())
    assert [name for name in gradient if not close(batch.values[name], gradient[name])] == []
    largest = max(map(abs, gradient.values()))
    assert all(right < 1e-10 for right, _ in batch.errors()) or largest < 1e-9


@few
@given(batches(), st.floats(0, 1))
def test_an_update_is_torchs_sgd_on_the_batch(batch, lr):
    batch.set("lr", lr)
    batch.compute()
    module, _, _ = referee(batch)
    optimizer = torch.optim.SGD(module.parameters(), lr)
    for parameter, grads in zip(module.parameters(), _grads(batch, module), strict=True):
        parameter.grad = grads
    optimizer.step()
    told = [batch.values[f"next{n}"] for n in batch.editable() if n[0] in "wb"]
    batch.update()
    ours = [batch.values[n] for n in batch.editable() if n[0] in "wb"]
    theirs = torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()
    assert all(map(close, ours, theirs)) and all(map(close, ours, told))


def _grads(batch, module):
    flat = list(referee(batch)[2].values())
    for parameter in module.parameters():
        part, flat = flat[: parameter.numel()], flat[parameter.numel() :]
        yield torch.tensor(part, dtype=torch.float64).view_as(parameter)


@fewer
@given(batches(), st.sampled_from(["twice", "printed"]))
def test_each_sample_is_its_own_trace_and_each_formula_gives_its_number(batch, reading):
    batch.reading = reading
    batch.compute()
    for name in batch.names():
        base, _, k = name.partition(":")
        if k:
            assert batch.values[name] == batch.traces[int(k) - 1].values[base]
        exact = batch.formula(name, digits=17)
        result = batch.values[f"next{name}" if name[0] in "wb" else name]
        if exact.numbers:
            assert close(python(exact.numbers), result), exact
        assert set(exact.uses) <= set(batch.values)
    for name in batch.entries("docw", 1):
        terms = literals(batch.formula(name, digits=17).numbers)[:-1]
        own = [abs(trace.values[name]) for trace in batch.traces]
        assert all(map(close, terms, own))
        assert math.isclose(batch.values[name], sum(t.values[name] for t in batch.traces)
                            / len(batch.traces), abs_tol=1e-12)  # fmt: skip


def test_weights_are_shared_and_inputs_are_not():
    batch = BackpropBatch((2, 3, 2))
    before = dict(batch.compute())
    batch.set("x[2]:3", 0.25)
    moved = {n for n, value in batch.compute().items() if value != before[n]}
    numbered = {n for n in moved if ":" in n}
    assert {n[-1] for n in numbered} == {"3"} and {"x[2]:3", "z1[1]:3", "loss:3"} <= numbered
    assert {parse(n)[0] for n in moved - numbered} <= {
        "dw", "db", "docw", "docb", "loss", "nextw", "nextb",
    }  # fmt: skip
    batch.set("w1[1,1]", 0.5)
    batch.compute()
    assert {f"z1[1]:{k}" for k in (1, 2, 3)} <= {
        n for n, value in batch.values.items() if value != before.get(n)
    }
    assert [trace.values["w1[1,1]"] for trace in batch.traces] == [0.5] * 3


def test_an_update_of_one_sample_uses_its_own_gradient():
    batch, alone = BackpropBatch((2, 3, 2)), BackpropBatch((2, 3, 2), x=[-0.6, 0.9], target=2)
    batch.traces[1].update()
    alone.update()
    batch.compute()
    for name in [n for n in alone.editable() if n[0] in "wb"]:
        assert close(batch.values[name], alone.values[name])


@pytest.mark.parametrize(
    ("x", "target", "words"),
    [([[1, 2]] * 5, None, "number of samples"), ([[1, 2], [1, 2, 3]], None, "3 numbers"),
     ([[1, 2], [3, 4]], 1, "one for each row"), ([[1, 2], [3, 4]], [1], "one for each row"),
     ([[1, 2], [3, 4]], [1, 3], "target"), ([[1, 2], ["a", 4]], None, "not a number"),
     ([[1, 2], 3], None, "numbers")],
)  # fmt: skip
def test_a_bad_batch_is_refused(x, target, words):
    with pytest.raises(CourseError, match=words):
        BackpropBatch((2, 3, 2), x=x, target=target)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("x[1]", 1, "x.1.:2"), ("x[1]:4", 1, "not a number of this batch"), ("w1[1,1]:1", 1, "batch"),
     ("dw1[1,1]", 1, "batch"), ("y[1]:2", 0.5, "type 1"), ("lr", -1, "lr")],
)  # fmt: skip
def test_a_bad_edit_changes_nothing(name, value, words):
    batch = BackpropBatch((2, 3, 2))
    before = dict(batch.compute())
    with pytest.raises(CourseError, match=words):
        batch.set(name, value)
    assert batch.compute() == before


def test_tensors_and_arrays_are_taken():
    rows = [[1.0, -0.5], [0.25, 2.0]]
    for x in (torch.tensor(rows), torch.tensor(rows).numpy(), [torch.tensor(row) for row in rows]):
        batch = BackpropBatch((2, 3, 2), x=x, target=torch.tensor([1, 2]))
        assert [trace.x.tolist() for trace in batch.traces] == rows


def test_an_update_that_leads_to_no_number_is_undone():
    batch = BackpropBatch((1, 1), loss="mse", lr=1000)
    with pytest.raises(CourseError, match="lower"):
        for _ in range(200):
            before = dict(batch.compute())
            batch.update()
    assert batch.values == before and math.isfinite(before["loss"])
