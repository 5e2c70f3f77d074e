"""BackpropLab without a browser: every number and every formula against referees of others."""

import math
import re

import pytest
import torch
from backprop_labs import (
    FUNCTIONS,
    LOSSES,
    by_autograd,
    close,
    few,
    float64,
    labs,
    literals,
    python,
)
from hypothesis import given
from hypothesis import strategies as st

from course import CourseError
from course.lessons.formulas import lines, parse
from widgets.backprop.lab import BackpropLab


@few
@given(labs())
def test_every_number_is_what_torch_and_autograd_say(lab):
    lab.all()
    ours, theirs = lab.numbers(), by_autograd(lab)
    assert set(ours) == set(theirs) | {n for n in lab.graph.editable() if n[0] in "xy"}
    assert [n for n in theirs if not close(ours[n], theirs[n])] == []


@few
@given(labs())
def test_the_numbers_are_those_of_the_library_to_the_last_bit(lab):
    model, g = lab.graph.model, lab.graph
    X, Y = model.encode(g.x[None], g.answer())
    assert float(model.loss_and_grad(X, Y)) == g.values["loss"]
    W = model.named_views(model.grad)
    for n in range(1, g.depth + 1):
        key = f"{2 * (n - 1)}."
        assert W[key + "weight"].flatten().tolist() == [g.values[k] for k in g.entries("dw", n)]
        assert W[key + "bias"].tolist() == [g.values[k] for k in g.entries("db", n)]


@few
@given(labs(), st.sampled_from(["twice", "printed"]))
def test_every_formula_gives_its_number(lab, reading):
    lab.all()
    lab.show_wrong(reading)
    names = [*lab.describe()["side"][0]["numbers"]]
    assert set(names) > set(lab.numbers())
    for name in names:
        exact = lab.graph.formula(name, digits=17)
        result = lab.graph.values[f"next{name}" if name[0] in "wb" else name]
        if exact.numbers:
            assert close(python(exact.numbers), result), exact
        printed = lab.graph.formula(name)
        assert str(printed) == lab.formula(name)
        assert math.isclose(python(printed.value), result, rel_tol=6e-4, abs_tol=1e-300)
        # As printed: every number filled in is the one it stands for, to the printed digits.
        template = re.sub(r"\d[\d.]*(e−?\d+)?", "#", printed.numbers)
        assert template == re.sub(r"\d[\d.]*(e−?\d+)?", "#", exact.numbers)
        pairs = zip(literals(printed.numbers), literals(exact.numbers), strict=True)
        assert all(math.isclose(p, e, rel_tol=6e-4) for p, e in pairs)


@few
@given(labs())
def test_the_lines_of_an_operation_are_its_formulas(lab):
    lab.all()
    for operation in lab.graph.operations:
        made = lines(lab.graph, operation)
        if operation.kind != "dw":
            assert len(made) == len(operation.names)
            for line, name in zip(made, operation.names, strict=True):
                assert line.endswith(str(lab.graph.formula(name)).rsplit(" = ", 1)[1])
            continue
        *rows, _ = [line.split(" = ") for line in made]
        n = operation.layer
        for (_, product, result), i in zip(rows, range(1, 9), strict=False):
            factor, inputs = product.split("·")
            values = _tuple(result)
            assert len(values) == lab.graph.sizes[n - 1]
            for x, value in zip(_tuple(inputs), values, strict=True):
                assert math.isclose(python(factor) * x, value, rel_tol=2e-3, abs_tol=1e-300), i


def _tuple(text):
    return [python(part) for part in text.strip("()").split(", ")]


def test_one_step_by_hand():
    """2-1 with mse: z = 2·1 + (−1)·3 + 0.5 = −0.5; L = (z − 1)² = 2.25; δ = 2(z − 1) = −3."""
    lab = BackpropLab((2, 1), loss="mse", x=[1, 3], target=1, lr=0.1, interactive=False)
    lab.edit("w", 1, 1, 1, 2)
    lab.edit("w", 1, 1, 2, -1)
    lab.edit("b", 1, 1, 0.5)
    lab.all()
    numbers = lab.numbers()
    assert (numbers["z1[1]"], numbers["loss"], numbers["delta1[1]"]) == (-0.5, 2.25, -3)
    assert (numbers["dw1[1,1]"], numbers["dw1[1,2]"], numbers["db1[1]"]) == (-3, -9, -3)
    assert lab.formula("z1[1]") == "z₁⁽¹⁾ = w₁₁⁽¹⁾x₁ + w₁₂⁽¹⁾x₂ + b₁⁽¹⁾ = 2·1 + (−1)·3 + 0.5 = −0.5"
    assert lab.formula("dw1[1,2]") == "∂L/∂w₁₂⁽¹⁾ = δ₁⁽¹⁾x₂ = −3·3 = −9"
    lab.update()
    assert [lab.numbers()[k] for k in ("w1[1,1]", "w1[1,2]", "b1[1]")] == pytest.approx(
        [2.3, -0.1, 0.8]
    )
    assert "before the update 2.25, after it 3.24" in lab.summary()


def drawn(lab):
    return lab.describe()["side"][0]["numbers"]


def test_operations_come_one_by_one_and_nothing_shows_before_it_is_computed():
    lab = BackpropLab(interactive=False)
    kinds = "z1 a1 z2 yhat2 loss2 delta2 dw2 da1 delta1 dw1".split()
    assert [f"{op.kind}{op.layer}" for op in lab.graph.operations] == kinds
    assert set(lab.numbers()) == set(lab.graph.editable())
    assert lab.formula("z1[1]") == "z₁⁽¹⁾ = w₁₁⁽¹⁾x₁ + w₁₂⁽¹⁾x₂ + b₁⁽¹⁾"
    with pytest.raises(CourseError, match="starts at the loss"):
        lab.backward()
    for k in range(5):
        lab.forward()
        assert len(lab.numbers()) - 21 == [3, 6, 8, 10, 11][k]
        assert drawn(lab)["delta2[1]"]["text"] == "·"
    with pytest.raises(CourseError, match="forward pass is complete"):
        lab.forward()
    with pytest.raises(CourseError, match="needs every gradient"):
        lab.update()
    for operation in lab.graph.operations[5:]:
        lab.backward()
        assert {n for n, c in drawn(lab).items() if c["active"]} == set(operation.names)
    with pytest.raises(CourseError, match="backward pass is complete"):
        lab.backward()
    stepped = lab.numbers()
    lab.reset()
    assert set(lab.numbers()) == set(lab.graph.editable())
    lab.all()
    assert lab.numbers() == stepped


def test_an_edit_moves_what_lies_downstream_and_nothing_else():
    lab = BackpropLab(interactive=False)
    for _ in range(5):
        lab.forward()
    before = lab.numbers()
    lab.edit("w", 1, 2, 1, 0.4)
    after = lab.numbers()
    moved = {name for name in before if before[name] != after[name]}
    later = {"z1[2]", "a1[2]", "z2[1]", "z2[2]", "yhat[1]", "yhat[2]", "loss"}
    assert moved == {"w1[2,1]"} | later and "7 of 11 computed numbers" in lab.summary()
    lab.edit("target", 2)
    assert (lab.numbers()["y[1]"], lab.numbers()["y[2]"]) == (0, 1)
    assert close(lab.numbers()["loss"], -math.log(lab.numbers()["yhat[2]"]))


@few
@given(labs(), st.floats(0, 1))
def test_an_update_is_torchs_sgd(lab, lr):
    lab.all()
    lab.edit("lr", lr)
    module = lab.graph.model.to_module()
    optimizer = torch.optim.SGD(module.parameters(), lr)
    LOSSES[lab.graph.loss](module(lab.graph.x[None]), lab.graph.answer()).backward()
    optimizer.step()
    told = [lab.graph.values[f"next{n}"] for n in lab.graph.editable() if n[0] in "wb"]
    lab.update()
    ours = [lab.numbers()[n] for n in lab.graph.editable() if n[0] in "wb"]
    theirs = torch.cat([p.flatten() for p in module.parameters()]).tolist()
    assert ours == told and all(map(close, ours, theirs))


@few
@given(labs())
def test_the_documents_gradient_beside_the_right_one(lab):
    lab.all()
    g, right = lab.graph, by_autograd(lab)
    slopes = {}
    for n in range(1, g.depth):
        z = float64([lab.numbers()[k] for k in g.entries("z", n)]).requires_grad_()
        slopes[n] = torch.autograd.grad(FUNCTIONS[g.activation](z).sum(), z)[0].tolist()
    for reading in ("twice", "printed"):
        errors = lab.show_wrong(reading)
        for n, (ours, theirs) in enumerate(errors, 1):
            names = g.entries("dw", n) + g.entries("db", n)
            wrong = []
            for name in names:
                i = parse(name)[2][0]
                factor = slopes[n][i - 1] if n < g.depth else 1.0
                if reading == "twice":
                    wrong.append(right[name] * factor)
                else:
                    x = {k: v for k, v in lab.numbers().items() if k[0] in "xa"}
                    j = parse(name)[2][1] if name[1] == "w" else 0
                    a = x[f"a{n - 1}[{j}]" if n > 1 else f"x[{j}]"] if j else 1.0
                    up = right[f"da{n}[{i}]"] if n < g.depth else right[f"delta{n}[{i}]"]
                    wrong.append(up * a)
            shown = [g.values["doc" + name[1:]] for name in names]
            assert all(map(close, shown, wrong))
            size = math.hypot(*(right[name] for name in names))
            assert ours < 1e-12 or size < 1e-9
            if size > 1e-6:
                off = math.hypot(*(w - right[k] for w, k in zip(wrong, names, strict=True)))
                assert math.isclose(theirs, off / size, rel_tol=1e-6, abs_tol=1e-9)


def test_which_reading_is_right_where():
    """f′² = f′ for ReLU: applied twice it does no harm; sigmoid's f′ ≤ 1/4 loses three quarters."""
    for activation, low, high in (("relu", 0, 1e-12), ("tanh", 0.05, 0.9), ("sigmoid", 0.74, 1)):
        lab = BackpropLab((2, 4, 3), activation, interactive=False)
        (_, hidden), (_, last) = lab.show_wrong("twice")
        assert low <= hidden <= high and last < 1e-12, activation
    relu = BackpropLab((2, 4, 3), "relu", interactive=False)
    assert relu.show_wrong("printed")[0][1] > 0.01, "without f′, units that are off get a gradient"


BAD = [
    (("w", 3, 1, 1, 0.5), "w3"), (("w", 1, 1, 1, "much"), "not a number"),
    (("w", 1, 1, 1, 1e9), "out of range"), (("w", 1, 1, 0.5), "takes 4"), (("v", 1, 1), "unknown"),
    (("x", 0, 0.5), "counted from 1"), (("x", 3, 0.5), r"x\[3\]"), (("b", 1, 1, math.nan), "range"),
    (("target", 3), r"y\[3\]"), (("target", 1, 0.5), "type 1"), (("lr", -1), "lr"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "words"), BAD)
def test_a_bad_edit_says_what_is_allowed_and_changes_nothing(place, words):
    lab = BackpropLab(interactive=False)
    lab.all()
    before = lab.numbers()
    with pytest.raises(CourseError, match=words):
        lab.edit(*place)
    assert lab.numbers() == before and lab.graph.lr == 0.5


@pytest.mark.parametrize(
    "options",
    [{"sizes": (2,)}, {"sizes": (2, 9)}, {"sizes": (2, 2, 2, 2, 2)}, {"activation": "step"},
     {"loss": "hinge"}, {"x": [1]}, {"target": 0}, {"target": 3}, {"lr": -1}, {"sizes": (2, 1)},
     {"loss": "bce", "target": [2, 0]}, {"sizes": 5}, {"sizes": None}, {"sizes": "ab"},
     {"sizes": (2, None)}, {"sizes": {2, 3}}, {"x": object()}, {"x": "ab"},
     {"x": [[1, 2], object()]}, {"target": "a"}, {"target": object()},
     {"loss": "mse", "target": object()}, {"lr": "fast"}, {"activation": []},
     {"loss": None}, {"seed": -1}, {"x": [math.inf, 0]}],
)  # fmt: skip
def test_a_bad_lab_is_refused(options):
    with pytest.raises(CourseError):
        BackpropLab(interactive=False, **options)


def test_an_update_that_leads_to_no_number_is_undone():
    lab = BackpropLab((1, 1), loss="mse", lr=1000, interactive=False)
    lab.all()
    with pytest.raises(CourseError, match="lower"):
        for _ in range(200):
            before = lab.numbers()
            lab.update()
    assert lab.numbers() == before and math.isfinite(before["loss"])


def test_a_reader_in_another_thread_never_sees_half_the_numbers(monkeypatch):
    lab = BackpropLab(interactive=False)
    trace, seen = lab.graph, []
    names, document = set(trace.values), trace._document

    def spy(*arguments):
        seen.append(set(trace.values))
        return document(*arguments)

    monkeypatch.setattr(trace, "_document", spy)
    trace.compute()
    assert seen == [names] * trace.depth


def test_a_weight_belongs_to_all_samples_and_an_input_to_its_own():
    lab = BackpropLab(interactive=False)
    others = lab.batch.traces[1:]
    inputs = [trace.values["x[1]"] for trace in others]
    for name, value in (("w1[1,1]", 0.5), ("b2[1]", 0.25), ("x[1]", 0.75)):
        lab.set(name, value)
        assert lab.numbers()[name] == value
    assert [(t.values["w1[1,1]"], t.values["b2[1]"]) for t in others] == [(0.5, 0.25)] * 2
    assert [t.values["x[1]"] for t in others] == inputs
