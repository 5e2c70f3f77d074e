"""Any nn.Module on one flat vector. Referees: autograd, torch.func, torch.optim."""

import copy
import gc
import io
import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, jvp

from course import CourseError, Dataset, Descend, HeavyBall, Trainer, chain, compare, load_data
from course.interop.adopt import adopt
from course.interop.module_state import twice_differentiable

# On CUDA, cuDNN says that an adopted GRU's weights are not one chunk of their own.
pytestmark = pytest.mark.filterwarnings("ignore:RNN module weights:UserWarning")


# ---- the modules: each a kind that flattening could break ---------------------------------


class Last(nn.Module):
    """A GRU that answers with its last output."""

    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 4)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


class Tied(nn.Module):
    """The embedding's matrix is the head's too."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(4, 6), nn.Linear(6, 6), nn.Linear(6, 4)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.mix(self.embed(tokens).mean(1)).tanh())


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)
    )


def frozen():
    net = mlp()
    net[0].requires_grad_(False)
    return net


def transformer():
    return nn.Sequential(
        nn.TransformerEncoderLayer(6, 2, 8, dropout=0.2, batch_first=True),
        nn.Flatten(),
        nn.Linear(18, 4),
    )


X = {
    mlp: lambda: torch.randn(12, 6),
    cnn: lambda: torch.randn(12, 1, 6, 6),
    Last: lambda: torch.randn(12, 4, 3),
    Tied: lambda: torch.randint(4, (12, 3)),
    frozen: lambda: torch.randn(12, 6),
    transformer: lambda: torch.randn(12, 3, 6),
}
KINDS = pytest.mark.parametrize("build", X)


def make(build, dtype=torch.float64, **options):
    """(adopted module, encoded batch)."""
    model = adopt(build().to(dtype), **options)
    return model, model.encode(X[build](), torch.randint(4, (12,)))


def small_data(regression=False):
    x = torch.randn(40, 6)
    y = torch.randn(40, 4) if regression else torch.randint(4, (40,))
    return Dataset("noise", x, y, x[:8], y[:8], None if regression else 4)


# ---- one flat vector ----------------------------------------------------------------------


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


# ---- losses, batches, precision -----------------------------------------------------------


@pytest.mark.parametrize("build", [mlp, Last, Tied, frozen])
def test_micro_batches_add_up_to_the_batch(build):
    model, (x, y) = make(build)
    whole_loss = model.loss_and_grad(x, y)
    whole, total, loss = model.grad.clone(), 0, 0
    for part_x, part_y in zip(x.split(5), y.split(5), strict=True):  # 5 + 5 + 2
        loss += model.loss_and_grad(part_x, part_y, denominator=12)
        total += model.grad
    assert compare(total, whole, rtol=1e-10, atol=1e-14) and compare(loss, whole_loss, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("mse", torch.randn(12, 4)),
        ("bce", torch.rand(12, 4)),
        (nn.HuberLoss(), torch.randn(12, 4)),
        (lambda outputs, y: (outputs * y).mean(), torch.randn(12, 4)),
    ],
)
def test_losses_by_name_and_of_ones_own(loss, y):
    model = adopt(mlp().double(), loss=loss)
    x, encoded = model.encode(torch.randn(12, 6), y)
    referee = {"mse": nn.MSELoss(), "bce": nn.BCEWithLogitsLoss()}.get(loss, loss)
    assert encoded.dtype == torch.float64
    expected = referee(model.module(x), y.double())
    assert compare(model.loss_and_grad(x, encoded), expected.detach(), rtol=1e-12)
    assert compare(model.loss.value(model.predict(x), y), expected.detach(), rtol=1e-12)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_shapes_that_would_broadcast_are_refused(loss):
    model = adopt(nn.Linear(6, 1), loss=loss)
    with pytest.raises(CourseError, match=r"\(12, 1\) and y \(12,\)"):
        model.loss_and_grad(*model.encode(torch.randn(12, 6), torch.rand(12)))


def test_a_loss_that_is_no_single_number_is_refused():
    model = adopt(mlp(), loss=lambda outputs, y: (outputs - y).square())
    with pytest.raises(CourseError, match=r"returned \(12, 4\).*mean"):
        model.loss_and_grad(torch.randn(12, 6), torch.randn(12, 4))
    with pytest.raises(CourseError, match="'hinge' is unknown"):
        adopt(mlp(), loss="hinge")


@pytest.mark.parametrize("kind", [torch.bfloat16, "bfloat16"])
def test_autocast_computes_in_bfloat16_and_keeps_weights_in_float32(kind):
    net, seen = mlp(), []
    net[0].register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    exact = adopt(copy.deepcopy(net))
    model = adopt(net, autocast=kind)
    x, y = model.encode(torch.randn(12, 6), torch.randint(4, (12,)))
    exact.loss_and_grad(x, y)
    loss = model.loss_and_grad(x, y)
    assert seen[-1] == torch.bfloat16 and model.theta.dtype == model.grad.dtype == loss.dtype
    assert loss.dtype == model.predict(x).dtype == torch.float32
    assert 0 < (model.grad - exact.grad).norm() / exact.grad.norm() < 0.02


def test_autocast_refuses_what_it_cannot_do():
    with pytest.raises(CourseError, match="float16"):
        adopt(mlp(), autocast=torch.float16)
    with pytest.raises(CourseError, match="'0.weight' is torch.float64"):
        adopt(mlp().double(), autocast="bfloat16")


# ---- looking without touching -------------------------------------------------------------


@KINDS
def test_predict_is_eval_mode_and_changes_nothing(build):
    model, (x, y) = make(build)
    model.loss_and_grad(x, y)
    model.module.train()
    next(m for m in model.module.modules() if not list(m.children())).eval()
    modes = [m.training for m in model.module.modules()]
    rows = X[build]()
    before, random, gradient = model.state(), torch.get_rng_state(), model.grad.clone()
    outputs = model.predict(rows)
    assert outputs.shape == (12, 4) and not outputs.requires_grad
    assert modes == [m.training for m in model.module.modules()]
    assert torch.equal(torch.get_rng_state(), random) and torch.equal(model.grad, gradient)
    assert all(torch.equal(t, before[k]) for k, t in model.state().items())
    expected = copy.deepcopy(model.module).eval()(x)
    assert compare(model.predict(x), expected, rtol=1e-9, atol=1e-12)


def test_predict_changes_nothing_in_a_module_that_counts_and_draws_in_every_mode():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 4)
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("last", torch.zeros(12, 4))

        def forward(self, x):
            self.calls += 1
            self.last = self.linear(x).detach()
            return F.dropout(self.linear(x), 0.5)

    model = adopt(Noisy(), stochastic=True)
    before = model.module.last
    x = torch.randn(12, 6)
    assert torch.equal(model.predict(x), model.predict(x))
    assert model.module.calls == 0 and model.module.last is before and not before.any()
    model.loss_and_grad(x, torch.randint(4, (12,)))
    assert model.module.calls == 1


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


# ---- random state -------------------------------------------------------------------------


def losses(models, batch, steps=6):
    """Losses of models that take turns, one list a model."""
    found = [[] for _ in models]
    for _ in range(steps):
        for model, kept in zip(models, found, strict=True):
            kept.append(model.loss_and_grad(*batch).item())
            model.theta.sub_(model.grad, alpha=0.01)
    return found


def test_two_models_that_take_turns_draw_what_each_would_draw_alone():
    start = adopt(transformer().double())
    _, batch = make(transformer)
    a, b, alone = (copy.deepcopy(start) for _ in range(3))
    world = torch.get_rng_state()
    expected = losses([alone], batch)[0]
    torch.rand(5)  # somebody else draws
    assert losses([a, b], batch) == [expected, expected]
    assert len(set(expected)) == 6
    torch.set_rng_state(world)
    losses([a], batch)
    assert torch.equal(torch.get_rng_state(), world)


def test_which_modules_have_a_random_state_of_their_own():
    assert adopt(transformer()).stochastic
    assert adopt(nn.LSTM(3, 4, num_layers=2, dropout=0.1)).stochastic
    assert not adopt(nn.LSTM(3, 4, num_layers=2)).stochastic
    assert not adopt(cnn()).stochastic
    assert adopt(mlp(), stochastic=True).stochastic


def test_a_failed_forward_gives_the_global_random_state_back():
    model, (x, y) = make(transformer)
    world, own = torch.get_rng_state(), model.state()["random.cpu"]
    with pytest.raises(IndexError):
        model.loss_and_grad(x, y + 100)
    assert torch.equal(torch.get_rng_state(), world)
    assert torch.equal(model.state()["random.cpu"], own)


@pytest.mark.parametrize("build", [transformer, cnn])
def test_state_and_theta_continue_to_the_bit(build):
    model, batch = make(build)
    losses([model], batch)
    theta, state = model.theta.clone(), model.state()
    file = io.BytesIO()
    torch.save({"theta": theta, "state": state}, file)
    expected = losses([model], batch)[0]
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    fresh = adopt(build().double(), seed=99)
    fresh.theta.copy_(saved["theta"])
    fresh.load_state(saved["state"])
    assert losses([fresh], batch)[0] == expected
    assert torch.equal(fresh.theta, model.theta)


def test_a_foreign_state_is_refused_and_changes_nothing():
    model, _ = make(cnn)
    before = model.state()
    with pytest.raises(CourseError, match="lacks 'buffer.1.num_batches_tracked'"):
        model.load_state(adopt(mlp()).state())
    with pytest.raises(CourseError, match="unknown 'buffer.x'"):
        model.load_state(before | {"buffer.x": torch.zeros(1)})
    with pytest.raises(CourseError, match=r"running_mean' of the state is a tensor \(7,\)"):
        model.load_state(before | {"buffer.1.running_mean": torch.ones(7).double()})
    assert all(torch.equal(t, before[k]) for k, t in model.state().items())


# ---- the module stays an ordinary module --------------------------------------------------


@KINDS
def test_state_dict_goes_out_and_comes_in(build):
    model, batch = make(build)
    file = io.BytesIO()
    torch.save(model.module.state_dict(), file)
    file.seek(0)
    kept = model.theta.clone()
    model.theta.zero_()
    model.module.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(model.theta, kept)
    other = adopt(build().double())
    other.module.load_state_dict(model.module.state_dict())
    assert torch.equal(other.theta, kept)
    other.loss_and_grad(*batch)  # its parameters are still at home


@KINDS
def test_a_deep_copy_of_the_module_is_free(build):
    model, (x, _) = make(build)
    twin = copy.deepcopy(model.module)
    model.theta.zero_()
    assert all(p.any() or "bias" in n for n, p in twin.named_parameters())
    assert not any(p.grad is not None for p in twin.parameters())
    adopt(twin).predict(x)


@KINDS
def test_a_deep_copy_of_the_adopted_module_goes_the_same_way_on_its_own(build):
    model, batch = make(build, seed=4)
    losses([model], batch, 2)
    twin = copy.deepcopy(model)
    assert torch.equal(twin.theta, model.theta) and torch.equal(twin.grad, model.grad)
    assert twin.theta.data_ptr() != model.theta.data_ptr() and twin.module is not model.module
    expected = losses([model], batch, 3)
    assert losses([twin], batch, 3) == expected


def test_saved_weights_take_the_room_of_the_weights_once():
    file = io.BytesIO()
    model = adopt(nn.Sequential(*[nn.Linear(50, 50) for _ in range(10)]))
    torch.save(model.module.state_dict(), file)
    assert file.tell() < 1.2 * 4 * len(model.theta)


def test_pickling_says_what_to_do_instead():
    with pytest.raises(CourseError, match="state_dict"):
        torch.save(adopt(mlp()), io.BytesIO())


def test_describe_is_json():
    model = adopt(Tied(), loss="cross_entropy")
    assert json.loads(json.dumps(model.describe())) == {
        "kind": "adopted",
        "module": f"{__name__}.Tied",
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


# ---- what others do to the module ---------------------------------------------------------


def test_zero_grad_and_replaced_gradients_are_mended_silently():
    model, batch = make(mlp)
    model.loss_and_grad(*batch)
    expected = model.grad.clone()
    model.module.zero_grad()
    assert model.module[0].weight.grad is None
    model.module[2].bias.grad = torch.ones(4).double()
    model.loss_and_grad(*batch)
    assert torch.equal(model.grad, expected)
    assert model.module[0].weight.grad.data_ptr() == model.grad.data_ptr()


def halve_by_data(p):
    p.grad.data = p.grad.data * 0.5


def halve_by_a_new_tensor(p):
    p.grad = p.grad * 0.5


@pytest.mark.parametrize("halve", [halve_by_data, halve_by_a_new_tensor])
def test_gradients_that_a_hook_replaced_are_collected(halve):
    net = mlp().double()
    for p in net.parameters():
        p.register_post_accumulate_grad_hook(halve)
    referee, model = mlp().double(), adopt(net)
    referee.load_state_dict(net.state_dict())
    x, y = model.encode(torch.randn(12, 6), torch.randint(4, (12,)))
    for _ in range(3):
        model.loss_and_grad(x, y)
        referee.zero_grad()
        F.cross_entropy(referee(x), y).backward()
        for p, q in zip(net.parameters(), referee.parameters(), strict=True):
            assert compare(p.grad, q.grad / 2, rtol=1e-12)
            assert p.grad.data_ptr() in {v.data_ptr() for v in model.flat.views(model.grad)}
        expected = torch.cat([q.grad.flatten() / 2 for q in referee.parameters()])
        assert compare(model.grad, expected, rtol=1e-12)


def test_a_backward_pass_of_ones_own_is_seen_in_grad():
    model, (x, y) = make(mlp)
    model.loss_and_grad(x, y)
    model.module.zero_grad()
    F.cross_entropy(3 * model.module(x), y).backward()
    expected = torch.cat([p.grad.flatten() for p in model.module.parameters()])
    assert expected.any() and torch.equal(model.grad, expected)
    model.module.zero_grad()
    assert not model.grad.any()


@pytest.mark.parametrize(
    "leave",
    [
        lambda net: net.half(),
        lambda net: setattr(net[0].weight, "data", torch.zeros(8, 6).double()),
        lambda net: setattr(net, "2", nn.Linear(8, 4).double()),
        lambda net: net.load_state_dict(copy.deepcopy(net.state_dict()), assign=True),
    ],
)
def test_parameters_that_left_theta_are_noticed_and_gathered_again(leave):
    model, (x, y) = make(mlp)
    leave(model.module)
    for call in (model.loss_and_grad, lambda *xy: model.hvp(model.theta, *xy)):
        with pytest.raises(CourseError, match=r"'\d.weight' does not lie in theta.*adopted.to"):
            call(x, y)
    model.to("cpu")
    model.loss_and_grad(*model.encode(x, y))
    assert model.grad.any()


def test_freezing_and_unfreezing_after_adoption():
    model, batch = make(mlp)
    model.module[0].requires_grad_(False)
    model.loss_and_grad(*batch)
    views = model.named_views(model.grad)
    assert not views["0.weight"].any() and views["2.weight"].any()
    assert not model.named_views(model.hvp(torch.ones_like(model.theta), *batch))["0.weight"].any()
    model.module.requires_grad_(False)
    with pytest.raises(CourseError, match="0 trainable"):
        model.loss_and_grad(*batch)
    assert not model.hvp(torch.ones_like(model.theta), *batch).any()

    thawed, batch = make(frozen)
    thawed.module.requires_grad_(True)
    with pytest.raises(CourseError, match="'0.weight' does not lie in theta"):
        thawed.loss_and_grad(*batch)


def test_a_parameter_out_of_use_has_gradient_zero():
    net = mlp().double()
    net.spare = nn.Parameter(torch.ones(3).double())
    net.forward = lambda x: net[2](net[1](net[0](x)))
    model = adopt(net)
    batch = model.encode(torch.randn(5, 6), torch.randint(4, (5,)))
    model.grad.fill_(7)
    model.loss_and_grad(*batch)
    assert not model.named_views(model.grad)["spare"].any()
    assert not model.named_views(model.hvp(model.theta, *batch))["spare"].any()


def test_sparse_gradients_and_parametrisations_work():
    bag = nn.Sequential(nn.EmbeddingBag(5, 4, sparse=True)).double()
    referee, model = copy.deepcopy(bag), adopt(bag)
    tokens, y = torch.tensor([[0, 1], [1, 3]]), torch.tensor([2, 0])
    model.loss_and_grad(tokens, y)
    F.cross_entropy(referee(tokens), y).backward()
    assert compare(model.grad, referee[0].weight.grad.to_dense().flatten(), rtol=1e-12)

    net = mlp()
    nn.utils.parametrizations.weight_norm(net[0])
    model = adopt(net.double())
    assert "0.parametrizations.weight.original0" in model.named_views(model.theta)
    model.loss_and_grad(*model.encode(torch.randn(5, 6), torch.randint(4, (5,))))
    assert all(view.any() for view in model.named_views(model.grad).values())


def test_made_under_inference_mode_it_trains_outside():
    net = mlp()
    with torch.inference_mode():
        model = adopt(net)
    model.loss_and_grad(torch.randn(3, 6), torch.randint(4, (3,)))
    assert model.grad.any()


# ---- refused ------------------------------------------------------------------------------


def overlapping():
    net = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    net["b"].weight.data = net["a"].weight.data.view(4, 4)
    return net


def partly_overlapping():
    net, memory = nn.Module(), torch.zeros(10)
    net.a, net.b = nn.Parameter(memory[:6]), nn.Parameter(memory[5:])
    return net


def shared_with_a_buffer():
    net = nn.Linear(4, 4)
    net.register_buffer("copy", net.weight.data[0])
    return net


def expanded():
    net = nn.Module()
    net.a = nn.Parameter(torch.zeros(1).expand(5))
    return net


def sparse():
    net = nn.Module()
    net.a = nn.Parameter(torch.eye(3).to_sparse())
    return net


def complex_numbers():
    net = nn.Module()
    net.a = nn.Parameter(torch.ones(3, dtype=torch.complex64))
    return net


def mixed_types():
    net = mlp()
    net[2].double()
    return net


def on_two_devices():
    net = mlp()
    net[2].to("meta")
    return net


def inference():
    with torch.inference_mode():
        return mlp()


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: mlp().requires_grad_(False), "0 trainable parameters"),
        (lambda: nn.ReLU(), "0 trainable parameters"),
        (mixed_types, "'2.weight' is torch.float64, others are torch.float32"),
        (on_two_devices, "'2.weight' lies on the device 'meta'"),
        (complex_numbers, "'a' is torch.complex64"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), "'0.weight' is lazy"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LazyBatchNorm1d(affine=False)), "lazy"),
        (sparse, "'a' is torch.sparse_coo"),
        (inference, "'0.weight' was made under torch.inference_mode"),
        (overlapping, "'b.weight' lies in the same memory as 'a.weight'"),
        (partly_overlapping, "'b' lies in the same memory as 'a'"),
        (shared_with_a_buffer, "'weight' lies in the same memory as 'copy'|'copy' lies"),
        (expanded, "'a' lies in the same memory as itself"),
        (lambda: nn.Linear, "takes a torch.nn.Module"),
        (lambda: torch.zeros(3), "takes a torch.nn.Module"),
    ],
)
def test_what_cannot_join_is_refused_by_name(build, says):
    module = build()
    parameters = list(module.parameters()) if isinstance(module, nn.Module) else []
    dense = [p for p in parameters if not nn.parameter.is_lazy(p) and not p.is_sparse]
    homes = [p.data_ptr() for p in dense]
    with pytest.raises(CourseError, match=says):
        adopt(module)
    assert homes == [p.data_ptr() for p in dense], "a refusal changed the module"
    assert all(p.grad is None for p in parameters)


def test_buffers_that_share_memory_among_themselves_are_their_own_affair():
    net = mlp()
    net.register_buffer("ids", torch.arange(6).expand(3, 6))
    net.register_buffer("first", net.ids[0])
    adopt(net)


def test_one_adopter_at_a_time():
    net = mlp()
    model = adopt(net)
    for module in (net, net[2], nn.Sequential(nn.ReLU(), net)):
        with pytest.raises(CourseError, match="weight' is adopted already"):
            adopt(module)
    kept = model.theta.clone()
    del model
    gc.collect()
    assert torch.equal(adopt(net).theta, kept)


# ---- in the trainer -----------------------------------------------------------------------


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
