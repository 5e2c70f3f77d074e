"""What others do to an adopted module: new gradients, moved and frozen parameters."""

import copy

import pytest
import torch
import torch.nn.functional as F
from adopted_modules import NO_CHUNK, frozen, make, mlp
from torch import nn

from course import CourseError, compare
from course.interop.adopt import adopt

pytestmark = NO_CHUNK


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


def test_a_backward_pass_of_your_own_is_seen_in_grad():
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
