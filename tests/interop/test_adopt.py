"""Any nn.Module on one flat vector. Referees: autograd, torch.func, torch.optim."""

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from adopted_modules import (
    KINDS,
    NO_CHUNK,
    Last,
    Tied,
    X,
    cnn,
    frozen,
    make,
    mlp,
    small_data,
    transformer,
)
from torch import nn
from torch.func import functional_call, grad, jvp

from course import CourseError, Dataset, Descend, HeavyBall, Trainer, chain, compare, load_data
from course.interop.adopt import adopt
from course.interop.module_state import twice_differentiable

pytestmark = NO_CHUNK


# ---- one flat vector -------------------------------------------------------------------------


@KINDS
def test_theta_and_grad_are_the_parameters_and_the_modules_own_names(build):
    plain = build().double()
    start = {name: p.detach().clone() for name, p in plain.named_parameters() if p.requires_grad}
    model = adopt(plain)
    views = model.named_views(model.theta)
    assert list(views) == list(start) and model.module is plain
    assert len(model.theta) == sum(p.numel() for p in start.values())
    for name, p in plain.named_parameters():
        if p.requires_grad:
            assert torch.equal(p, start[name])
            assert p.data_ptr() == views[name].data_ptr() and p.shape == views[name].shape
            assert p.grad.data_ptr() == model.named_views(model.grad)[name].data_ptr()


@KINDS
def test_the_gradient_is_autograds(build, device):
    net = build().double().to(device)
    referee, model = copy.deepcopy(net), adopt(net, seed=3)
    x, y = model.encode(X[build](), torch.randint(4, (12,)))
    torch.manual_seed(3)  # dropout draws from the state that `seed` starts
    expected = F.cross_entropy(referee(x), y)
    expected.backward()
    loss = model.loss_and_grad(x, y)
    assert loss.ndim == 0 and not loss.requires_grad
    assert compare(loss, expected.detach(), rtol=1e-12)
    grads = {n: p.grad for n, p in referee.named_parameters() if p.requires_grad}
    for name, view in model.named_views(model.grad).items():
        assert compare(view, grads[name], rtol=1e-9, atol=1e-13)
    for b, expected_b in zip(model.module.buffers(), referee.buffers(), strict=True):
        assert torch.equal(b, expected_b)


@KINDS
def test_a_chain_trains_it_as_torch_optim_does(build, device):
    net = build().double().to(device)
    referee, model = copy.deepcopy(net), adopt(net)
    x, y = model.encode(X[build](), torch.randint(4, (12,)))
    sgd = torch.optim.SGD([p for p in referee.parameters() if p.requires_grad], 0.05, momentum=0.9)
    steps = chain(HeavyBall(0.9), Descend(0.05))
    steps.init(model.theta)
    torch.manual_seed(0)
    for _ in range(20):
        loss = model.loss_and_grad(x, y)
        steps(model.grad, model.theta)
        sgd.zero_grad()
        expected = F.cross_entropy(referee(x), y)
        expected.backward()
        sgd.step()
    assert compare(loss, expected.detach(), rtol=1e-8)
    for name, p in referee.named_parameters():
        assert compare(dict(net.named_parameters())[name], p, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("build", [mlp, Last, Tied, frozen])
def test_micro_batches_add_up_to_the_batch(build):
    model, (x, y) = make(build)
    whole_loss = model.loss_and_grad(x, y)
    whole, total, loss = model.grad.clone(), 0, 0
    for part_x, part_y in zip(x.split(5), y.split(5), strict=True):  # 5 + 5 + 2
        loss += model.loss_and_grad(part_x, part_y, denominator=12)
        total += model.grad
    assert compare(total, whole, rtol=1e-10, atol=1e-14) and compare(loss, whole_loss, rtol=1e-12)


def test_fits_asks_the_module_for_two_rows():
    data = small_data()
    adopt(mlp()).validate_data(data)
    adopt(mlp(), loss="mse").validate_data(small_data(regression=True))
    with pytest.raises(CourseError, match=r"\(2, 3\).*allowed: \(2, 4\)"):
        adopt(nn.Linear(6, 3)).validate_data(data)
    with pytest.raises(CourseError, match=r"cannot take rows \(6,\)"):
        adopt(nn.Linear(5, 4)).validate_data(data)
    with pytest.raises(CourseError, match="returned a tuple"):
        adopt(nn.GRU(6, 4)).validate_data(data)
    with pytest.raises(CourseError, match="mse"):
        adopt(mlp()).validate_data(small_data(regression=True))
    with pytest.raises(CourseError, match=r"outputs \(2, 4\) and y \(2,\)"):
        adopt(mlp(), loss="mse").validate_data(data)


def test_describe_is_json():
    model = adopt(Tied(), loss="cross_entropy")
    assert json.loads(json.dumps(model.describe())) == {
        "kind": "adopted",
        "module": f"{Tied.__module__}.Tied",
        "parameters": len(model.theta),
        "loss": "cross_entropy",
    }
    assert adopt(mlp(), loss=F.l1_loss).describe()["loss"] == "l1_loss"
    assert repr(adopt(mlp())) == "adopt(Sequential, loss='cross_entropy'): 92 weights"


def test_to_moves_everything_and_keeps_the_values(device):
    model, (x, y) = make(cnn, dtype=torch.float32)
    loss, gradient, theta = model.loss_and_grad(x, y).item(), model.grad.clone(), model.theta
    assert model.to(device) is model
    assert {t.device.type for t in (model.theta, model.grad, *model.module.buffers())} == {device}
    assert compare(model.theta, theta) and compare(model.grad, gradient)
    batch = model.encode(x, y)
    assert compare(model.loss_and_grad(*batch), loss, rtol=1e-4)
    assert compare(model.grad, gradient, rtol=1e-3, atol=1e-5)
    for place in ("nowhere", "meta", 3.5):
        with pytest.raises(CourseError, match="device ="):
            model.to(place)
    model.loss_and_grad(*batch)


# ---- curvature -------------------------------------------------------------------------------


@KINDS
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # inside torch.func.jvp
def test_hvp_is_forward_over_reverse(build, device):
    model = adopt(build().double().to(device), loss="mse", seed=5)
    x, y = model.encode(X[build](), torch.randn(12, 4))
    if build is transformer:  # torch.func refuses to draw; the rest is the same function
        for layer in model.dropouts():
            layer.p = 0.0
        model.module[0].self_attn.dropout = 0.0
    v = torch.randn_like(model.theta)
    before = model.state(), model.grad.clone(), torch.get_rng_state()
    product = model.hvp(v, x, y)
    for k, t in model.state().items():
        assert torch.equal(t, before[0][k])
    assert torch.equal(model.grad, before[1]) and torch.equal(torch.get_rng_state(), before[2])

    twin = copy.deepcopy(model.module).train()

    def loss(parameters):
        buffers = {name: b.clone() for name, b in twin.named_buffers()}
        outputs = functional_call(twin, parameters | buffers, (x,))
        return (outputs - y).square().mean()  # F.mse_loss has no forward over reverse

    parameters = {k: p.detach() for k, p in model.named_views(model.theta).items()}
    with twice_differentiable():
        if build is Last:  # a GRU's fused forward has no forward derivative: reverse over reverse
            _, pull = torch.func.vjp(grad(loss), parameters)
            expected = pull(model.named_views(v))[0]
        else:
            _, expected = jvp(grad(loss), (parameters,), (model.named_views(v),))
    for name, view in model.named_views(product).items():
        assert compare(view, expected[name], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("build", [mlp, Tied, frozen])
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # inside torch.func.jvp
def test_gauss_newton_is_its_definition(build):
    model = adopt(build().double(), loss="mse")
    x, y = model.encode(X[build](), torch.randn(12, 4))
    v = torch.randn_like(model.theta)
    twin = copy.deepcopy(model.module)

    def outputs(parameters):
        return functional_call(twin, parameters, (x,))

    parameters = {k: p.detach() for k, p in model.named_views(model.theta).items()}
    _, Jv = jvp(outputs, (parameters,), (model.named_views(v),))
    _, pull = torch.func.vjp(outputs, parameters)
    expected = pull(2 / y.numel() * Jv)[0]  # S of a mean of squares
    product = model.gauss_newton(v, x, y)
    assert torch.equal(product, model.curvature(x, y).gauss_newton(v))
    for name, view in model.named_views(product).items():
        assert compare(view, expected[name], rtol=1e-9, atol=1e-13)


def test_hvp_with_dropout_is_one_linear_map_at_the_next_steps_numbers():
    model, batch = make(transformer)
    u, v = torch.randn_like(model.theta), torch.randn_like(model.theta)
    both = model.hvp(2 * u - v, *batch)
    assert compare(both, 2 * model.hvp(u, *batch) - model.hvp(v, *batch), rtol=1e-8, atol=1e-12)
    twin, h = copy.deepcopy(model), 1e-5
    slopes = []
    for sign in (1, -1):  # central difference of gradients at the same numbers
        shifted = copy.deepcopy(twin)
        shifted.theta.add_(v, alpha=sign * h)
        shifted.loss_and_grad(*batch)
        slopes.append(shifted.grad)
    assert compare(model.hvp(v, *batch), (slopes[0] - slopes[1]) / (2 * h), rtol=1e-4, atol=1e-6)


def test_hvp_of_a_linear_loss_is_zero_and_of_another_shape_refused():
    model = adopt(nn.Linear(6, 4).double(), loss=lambda outputs, y: outputs.mean())
    x, y = model.encode(torch.randn(3, 6), torch.randn(3, 4))
    assert not model.hvp(torch.ones_like(model.theta), x, y).any()
    with pytest.raises(CourseError, match="28"):
        model.hvp(torch.ones(3).double(), x, y)


# ---- in the trainer --------------------------------------------------------------------------


@pytest.mark.parametrize("build", [mlp, transformer])
def test_a_trainer_takes_it_as_it_takes_the_hand_written_network(build):
    data = small_data()
    if build is transformer:
        x = torch.randn(40, 3, 6)
        data = Dataset("noise", x, data.y_train, x[:8], data.y_test, 4)
    trainer = Trainer(adopt(build()), data, chain(HeavyBall(0.9), Descend(0.05)), batch_size=8)
    list(trainer.run(30))
    assert trainer.evaluate("train")[0] < trainer.history.loss[0]
    saved = trainer.state_dict()
    list(trainer.run(10))
    end = trainer.model.theta.clone()
    trainer.load_state_dict(saved)
    list(trainer.run(10))
    assert torch.equal(trainer.model.theta, end)


def test_digits_are_learned_by_a_convolution():
    data = load_data("digits").images()
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    trainer = Trainer(adopt(net), data, chain(HeavyBall(0.9), Descend(0.05)), batch_size=64)
    list(trainer.run(100))
    assert trainer.evaluate("test")[1] > 0.93
