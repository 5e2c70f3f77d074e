"""BackpropLab without a browser: every number and every formula against referees of others."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course import CourseError
from course.lessons.formulas import lines, parse, show
from widgets.backprop.controls import HIDDEN
from widgets.backprop.lab import BackpropLab, short
from widgets.backprop.still import layout

FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu}
LOSSES = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss,
          "bce": F.binary_cross_entropy_with_logits}  # fmt: skip
EVALUATE = {
    "e": math.e, "tanh": math.tanh, "max": max, "ln": math.log,
    "Φ": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2,
    "φ": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}  # fmt: skip
few = settings(derandomize=True, deadline=None, max_examples=40)


@st.composite
def labs(draw, **fixed):
    """A lab of any allowed kind, with weights, biases, input and target of its own."""
    loss = fixed.get("loss") or draw(st.sampled_from(sorted(LOSSES)))
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    sizes[-1] = max(sizes[-1], 2 if loss == "cross_entropy" else 1)
    activation = fixed.get("activation") or draw(st.sampled_from(sorted(FUNCTIONS)))
    lab = BackpropLab(sizes, activation, loss, seed=draw(st.integers(0, 9)), interactive=False)
    numbers = st.floats(-1.5, 1.5).map(lambda v: round(v, 3))
    for name in lab.graph.editable():
        if name[0] == "y" and loss == "cross_entropy":
            continue
        value = draw(st.floats(0, 1)) if name[0] == "y" else draw(numbers)
        lab._set(name, value)
    if loss == "cross_entropy":
        lab.edit("target", draw(st.integers(1, sizes[-1])))
    return lab


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def by_autograd(lab):
    """Every number by torch and autograd alone, from the numbers that are given."""
    g, made, kept = lab.graph, {}, {}
    a = float64([lab.numbers()[f"x[{j}]"] for j in range(1, g.sizes[0] + 1)])
    y = float64([lab.numbers()[f"y[{i}]"] for i in range(1, g.sizes[-1] + 1)])
    for n in range(1, g.depth + 1):
        for kind in "wb":
            values = [lab.numbers()[name] for name in g.entries(kind, n)]
            kept[kind, n] = float64(values).requires_grad_()
        W = kept["w", n].view(g.sizes[n], g.sizes[n - 1])
        kept["z", n] = z = W @ a + kept["b", n]
        if n < g.depth:
            kept["a", n] = a = FUNCTIONS[g.activation](z)
    target = y.argmax() if g.loss == "cross_entropy" else y
    loss = LOSSES[g.loss](z, target)
    grads = torch.autograd.grad(loss, list(kept.values()))
    for ((kind, n), value), grad in zip(kept.items(), grads, strict=True):
        back = "delta" if kind == "z" else f"d{kind}"
        made |= dict(zip(g.entries(kind, n), value.tolist(), strict=True))
        made |= dict(zip(g.entries(back, n), grad.tolist(), strict=True))
    predicted = {"cross_entropy": torch.softmax(z, 0), "bce": torch.sigmoid(z)}
    if g.loss in predicted:
        made |= dict(zip(g.entries("yhat", g.depth), predicted[g.loss].tolist(), strict=True))
    return made | {"loss": loss.item()}


def close(ours, theirs, tolerance=1e-12):
    return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)


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
    X, Y = model.encode(g.x[None], g._answer())
    assert float(model.loss_and_grad(X, Y)) == g.values["loss"]
    W = model.named_views(model.grad)
    for n in range(1, g.depth + 1):
        key = f"{2 * (n - 1)}."
        assert W[key + "weight"].flatten().tolist() == [g.values[k] for k in g.entries("dw", n)]
        assert W[key + "bias"].tolist() == [g.values[k] for k in g.entries("db", n)]


def python(text):
    """The right-hand side of a formula as Python's own arithmetic."""
    for sign, word in (("−", "-"), ("·", "*"), ("²", "**2"), ("^", "**")):
        text = text.replace(sign, word)
    return eval(text, dict(EVALUATE))


@few
@given(labs(), st.sampled_from(["twice", "printed"]))
def test_every_formula_gives_its_number(lab, reading):
    lab.all()
    lab.show_wrong(reading)
    names = [cell["name"] for cell in layout(lab.graph, True)["cells"]]
    assert len(set(names)) == len(names) and set(names) > set(lab.numbers())
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
        pairs = zip(_literals(printed.numbers), _literals(exact.numbers), strict=True)
        assert all(math.isclose(p, e, rel_tol=6e-4) for p, e in pairs)


def _literals(text):
    return [float(t.replace("−", "-")) for t in re.findall(r"\d[\d.]*(?:e−?\d+)?", text)]


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
        assert lab.frame()["cells"]["delta2[1]"]["text"] == "·"
    with pytest.raises(CourseError, match="forward pass is complete"):
        lab.forward()
    with pytest.raises(CourseError, match="needs every gradient"):
        lab.update()
    for operation in lab.graph.operations[5:]:
        lab.backward()
        assert lab.frame()["active"] == operation.names
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
    LOSSES[lab.graph.loss](module(lab.graph.x[None]), lab.graph._answer()).backward()
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
    assert "document" not in relu.frame()["cells"] and "docw1[1,1]" in relu.frame()["cells"]
    relu.show_wrong(None)
    assert "docw1[1,1]" not in relu.frame()["cells"] and relu.frame()["errors"] == []


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
     {"loss": "bce", "target": [2, 0]}],
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


def test_what_the_browser_sends_is_checked_and_shown():
    lab = BackpropLab(interactive=True)
    controls = lab.controls
    controls.heard({"kind": "edit", "name": "w1[1,1]", "value": " −0.25 "})
    assert lab.numbers()["w1[1,1]"] == -0.25
    assert controls.drawing.frame["cells"]["w1[1,1]"]["text"] == "−0.25"
    for name, value in (("w1[1,1]", "x"), ("z1[1]", "1"), ("w9[1,1]", "1"), ("__class__", "1")):
        controls.heard({"kind": "edit", "name": name, "value": value})
        assert controls.drawing.frame["bad"] and "Not changed" in controls.drawing.frame["message"]
    assert lab.numbers()["w1[1,1]"] == -0.25
    controls.lr_number.value = 0.2
    assert lab.graph.lr == 0.2 and abs(controls.lr.value - 0.2) < 0.01
    controls.lr_number.value = -2
    assert lab.graph.lr == controls.lr_number.value == 0.2
    controls.lr.value = 0.1995262  # the nearest step of the slider: the browser's own rounding
    assert lab.graph.lr == 0.2
    controls.lr.value = 1.0
    assert lab.graph.lr == controls.lr_number.value == 1.0
    controls.wrong.value = "printed"
    assert lab.reading == "printed" and len(controls.drawing.frame["errors"]) == 3
    lab.show_wrong(None)
    assert controls.wrong.value == HIDDEN and lab.reading is None


def test_a_frame_marks_what_an_edit_changed():
    lab = BackpropLab(interactive=True)
    lab.all()
    lab.edit("w", 2, 1, 1, 0.9)
    changed = {n for n, c in lab.controls.drawing.frame["cells"].items() if c["changed"]}
    assert {"w2[1,1]", "z2[1]", "loss", "dw2[1,2]", "dw1[1,1]"} <= changed
    assert not changed & {"z1[1]", "a1[1]", "z2[2]", "x[1]"}


def test_without_any_answer_from_the_drawing_the_lab_shows_stills(monkeypatch):
    monkeypatch.setattr("widgets.backprop.controls.FALLBACK", -1.0)
    lab = BackpropLab(interactive=True)
    lab.controls._try(lab.forward)
    assert bytes(lab.controls.image.value).startswith(b"\x89PNG")
    assert "Step 1 of 10" in lab.controls.words.value


@pytest.mark.parametrize("sizes", [(2, 3, 2), (4, 5, 5, 3), (1, 2)])
def test_headless_it_shows_a_still_and_words(sizes):
    def bundle():
        lab = BackpropLab(sizes, interactive=False)
        lab.all()
        lab.show_wrong("twice")
        return lab, lab._repr_mimebundle_()

    (lab, (made, metadata)), (_, again) = bundle(), bundle()
    assert made == again[0], "the same lab gives the same bytes"
    assert made["image/png"].startswith(b"\x89PNG") and lab.summary() in made["text/plain"]
    assert metadata["image/png"]["alt"] == lab.summary()
    assert "Relative error of the document's gradient" in lab.summary()


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("document", [False, True])
def test_nothing_in_the_drawing_overlaps(loss, document):
    lab = BackpropLab((5, 5, 4, 3), loss=loss, interactive=False)
    scene = layout(lab.graph, document)
    boxes = [(c["x"], c["y"], c["x"] + c["w"], c["y"] + c["h"]) for c in scene["cells"]]
    for k, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= scene["width"] and bottom <= scene["height"]
        for a, b, c, d in boxes[:k]:
            assert right <= a or c <= left or bottom <= b or d <= top
    assert set(lab.frame()["cells"]) == {c["name"] for c in scene["cells"]} or document


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(-1e9, 1e9), st.booleans())
def test_short_numbers_are_near_and_short(value, typed):
    text = short(value, typed)
    assert len(text) <= 7 and "e+" not in text
    assert math.isclose(python(text), value, rel_tol=0.51, abs_tol=1e-300) or value == 0
    assert math.isclose(python(show(value)), value, rel_tol=5.1e-4, abs_tol=1e-300)


def test_numbers_near_one_keep_their_distance_from_it():
    assert show(0.9999877) == "0.9999877" and show(0.5) == "0.5" and show(1) == "1"
    assert show(0.93414) == "0.9341" and show(-1.5e-7) == "−1.5e−7" and show(-0.0) == "0"
