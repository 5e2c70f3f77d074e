"""Every patient is as sick as it is said to be; cures help, wrong cures do not."""

import math
from dataclasses import replace

import pytest
import torch
from patient_cures import CURES, NAMES, PATIENTS, WRONG
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn

from course import MLP, CourseError, Descend, Trainer, chain, load_data
from course.lessons.cases import READINGS, SEEDS, Case, Checkup, read_symptoms, twins
from course.lessons.clinic import patients
from course.training.replay import build_recipe, run_recipe


@pytest.fixture(autouse=True)
def anew():
    """Build the patients anew in each test."""
    patients.cache_clear()


def on_seed(recipe, seed):
    return replace(recipe, seed=seed, model=recipe.model | {"seed": seed})


@pytest.mark.parametrize("name", NAMES)
def test_its_symptoms_are_true_on_every_seed(name):
    case = patients()[name]
    for seed in range(SEEDS):
        read = read_symptoms(run_recipe(on_seed(case.recipe, seed)))
        assert set(read) == set(READINGS)
        for symptom in case.symptoms:
            assert symptom.low <= read[symptom.reading] <= symptom.high, (seed, symptom, read)


@pytest.mark.parametrize(("name", "cure"), CURES, ids=str)
def test_a_cure_helps(name, cure):
    case = patients()[name]
    result = case.check(case.treated(**cure))
    assert result.cured and result.words().startswith("Cured: on 3 seeds"), result


@pytest.mark.parametrize(("name", "cure"), WRONG, ids=str)
def test_a_wrong_cure_does_not_pass(name, cure):
    case = patients()[name]
    result = case.check(case.treated(**cure))
    assert not result.cured and result.words().startswith("Not cured"), result


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_diagnosis_of_its_own_and_its_known_cure_is_tried(name):
    case = patients()[name]
    assert (name, dict(case.cure)) in CURES
    assert [c.diagnosis for c in patients().values()].count(case.diagnosis) == 1
    assert case.diagnosis in case.diagnoses and case.diagnosis not in case.story


# What each is, and what is true of it: {name: (its run, bar, cure, {reading: (low, high)})}.


@pytest.mark.parametrize("name", NAMES)
def test_each_is_the_run_that_it_is_said_to_be(name):
    case = patients()[name]
    recipe, model = case.recipe, case.recipe.model
    widths = "-".join(map(str, model["sizes"]))
    run = f"{widths} {model['activation']}, {recipe.steps} steps of {recipe.batch_size}: "
    run += repr(build_recipe(recipe).chain)
    symptoms = {s.reading: (s.low, s.high) for s in case.symptoms}
    assert (run, case.bar, dict(case.cure), symptoms) == PATIENTS[name]
    data = load_data({"J": "rings", "V": "xor"}.get(name, "digits"), 0)
    if name == "T":
        data = data.subset(600, 0).with_validation(2 / 3, 0)
    assert (case.split, recipe.label_noise) == {"T": ("validation", 0.2)}.get(name, ("train", 0))
    assert recipe.data == data.source and recipe.threads == 1
    init = {"D": "torch", "H": "normal", "K": "normal", "M": "zeros", "Y": "he"}.get(name)
    assert (
        model
        == MLP(
            model["sizes"], model["activation"], 0, init=init, dropout=model["dropout"]
        ).describe()
    )
    assert case.name == name and all(s.words[-1] == "." for s in case.symptoms)
    assert case.story[-1] == case.explanation[-1] == "."


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_instruments_agree_with_autograd(activation):
    data = load_data("digits", 3)
    model = MLP([64, 20, 12, 10], activation, seed=3)
    trainer = Trainer(model, data, chain(Descend(0.3)), seed=3)
    for _ in trainer.run(41):
        pass
    kept = model.grad.clone()
    read = read_symptoms(trainer)
    assert torch.equal(model.grad, kept), "a view changes nothing"
    module = model.to_module()
    nn.functional.cross_entropy(module(data.x_train[:256]), data.y_train[:256]).backward()
    layers = [part for part in module if isinstance(part, nn.Linear)]
    first, last = (
        torch.cat([part.weight.grad.flatten(), part.bias.grad]).norm()
        for part in (layers[0], layers[-1])
    )
    with torch.no_grad():
        z = layers[0](data.x_train)
        loss = nn.functional.cross_entropy(module(data.x_train), data.y_train)
        test = nn.functional.cross_entropy(module(data.x_test), data.y_test)
    losses, norms = trainer.history.loss, trainer.history.grad_norm
    late = sorted(losses[20:])
    dip = read.pop("dip")
    assert dip == pytest.approx(lowest(trainer) / lowest(trainer, "LA"), rel=0.02)
    assert read == pytest.approx({
        "loss": float(loss) / math.log(10),
        "gap": float(test - loss) / math.log(10),
        "silent": float((z <= 0).all(0).float().mean()) if activation == "relu" else 0.0,
        "twins": 0.0,
        "reach": float(first / last),
        "leap": max(norms) / sorted(norms)[20],
        "jitter": late[-1] / late[10],
    }, rel=1e-4)  # fmt: skip


def lowest(trainer: Trainer, which: str = "SA") -> float:
    """Return an eigenvalue of the Hessian by SciPy, from products by autograd."""
    module, data = trainer.model.to_module().double(), trainer.data
    params = [*module.parameters()]
    x, y = data.x_train[:256].double(), data.y_train[:256]
    loss = nn.functional.cross_entropy(module(x), y)
    slope = flat(torch.autograd.grad(loss, params, create_graph=True))

    def product(v):
        v = torch.from_numpy(v.ravel().astype(float))
        return flat(torch.autograd.grad(slope @ v, params, retain_graph=True)).numpy()

    operator = LinearOperator((len(slope),) * 2, matvec=product, dtype=float)
    return float(eigsh(operator, 1, which=which, return_eigenvectors=False)[0])


def flat(parts) -> torch.Tensor:
    return torch.cat([part.flatten() for part in parts])


def test_broken_weights_have_no_curvature_to_read():
    trainer = run_recipe(replace(patients()["B"].recipe, steps=1))
    trainer.model.theta.fill_(math.nan)
    assert math.isnan(read_symptoms(trainer)["dip"])


def test_a_run_without_symptoms_is_refused():
    data = load_data("digits", 0)
    fresh = Trainer(MLP([64, 10]), data, chain(Descend(0.1)))
    with pytest.raises(CourseError, match="after 0 steps has no symptoms to read; allowed: an MLP"):
        read_symptoms(fresh)
    values = load_data("sine", 0)
    sine = Trainer(MLP([1, 4, 1], loss="mse"), values, chain(Descend(0.01)))
    sine.step()
    with pytest.raises(CourseError, match="after 1 steps has no symptoms to read"):
        read_symptoms(sine)


def test_a_unit_is_silent_whatever_the_last_layer_gets():
    trainer = run_recipe(replace(patients()["A"].recipe, steps=50))
    trainer.model.theta.zero_()
    read = read_symptoms(trainer)
    assert read["silent"] == 1 and read["loss"] == pytest.approx(1) and read["reach"] == 0


def test_twins_are_units_with_the_same_weights_to_three_digits():
    W = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    assert twins(W) == 0 and twins(W[:1]) == 0
    W[3] = W[1] * (1 + 1e-4)
    W[5] = W[1] * (1 + 1e-2)
    assert twins(W) == pytest.approx(2 / 6)
    assert twins(torch.zeros(4, 3)) == 1 == twins(torch.full((4, 3), 0.1))


def test_three_of_them_share_the_first_symptom():
    assert [patients()[n].symptoms[0].reading for n in "ABC"] == ["loss"] * 3


def test_a_run_that_broke_is_not_cured():
    assert not Checkup((0.1, math.nan, 0.1), 0.3).cured
    assert "not a number" in Checkup((math.nan,), 0.3).words()
    assert "seeds the validation loss ends at" in Checkup((0.1,), 0.3, "validation").words()
    assert Checkup((0.1, 0.2), 0.3).cured and not Checkup((0.1, 0.3), 0.3).cured


def test_a_cure_may_be_turned_in_the_run_only_by_its_first_steps():
    case = patients()["B"]
    late = replace(case.treated(), knobs=[[290, "lr", 0.3]])
    assert not case.check(late).cured


@pytest.mark.parametrize("change", [{"spike": None}, {"spike": {"at": 0, "factor": 0.5}}], ids=str)
def test_the_broken_batch_belongs_to_the_patient(change):
    case = patients()["G"]
    recipe = case.treated(**change)
    with pytest.raises(CourseError, match="broken batch = .* is another patient; allowed: "):
        case.check(recipe)
    with pytest.raises(CourseError, match="broken batch"):
        case.check(replace(case.recipe, knobs=[[0, "spike", None]]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: replace(r, data=load_data("moons").source), "data = "),
        (lambda r: replace(r, data=r.data | {"seed": 1}), "data = "),
        (lambda r: replace(r, label_noise=0.1), "label noise = 0.1"),
        (lambda r: replace(r, model=r.model | {"sizes": [64, 10]}), "widths = "),
    ],
)
def test_another_patient_is_refused(change, words):
    case = patients()["A"]
    with pytest.raises(CourseError, match=f"{words}.* is another patient; allowed: "):
        case.check(change(case.recipe))


def test_where_widths_are_the_cure_only_the_hidden_ones_may_change():
    case = patients()["I"]
    wider = case.treated(hidden=[16])
    assert wider.model["sizes"] == [64, 16, 10] and wider.model["activation"] == "tanh"
    other = replace(wider, model=wider.model | {"sizes": [64, 16, 11]})
    with pytest.raises(CourseError, match=r"widths = .* is another patient; allowed: "):
        case.check(other)
    with pytest.raises(CourseError, match="widths = "):
        patients()["A"].check(patients()["A"].treated(hidden=[16]))


def test_bad_cures_and_cases_are_refused():
    case = patients()["A"]
    with pytest.raises(CourseError, match="lr"):
        case.treated(lr=-1)
    with pytest.raises(CourseError, match="nonsense"):
        case.treated(nonsense=1)
    with pytest.raises(CourseError, match="diagnosis = 'flu'; allowed: "):
        replace(case, diagnosis="flu")
    with pytest.raises(CourseError, match="bar = nan"):
        replace(case, bar=math.nan)
    assert isinstance(case, Case)
