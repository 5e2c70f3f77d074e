"""An adopted module saved, loaded and copied: it continues to the bit, and stays a module."""

import copy
import io

import pytest
import torch
from adopted_modules import KINDS, NO_CHUNK, cnn, losses, make, mlp, transformer
from torch import nn

from course import CourseError
from course.interop.adopt import adopt

pytestmark = NO_CHUNK


# ---- the state besides theta -----------------------------------------------------------------


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


# ---- the module stays an ordinary module -----------------------------------------------------


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


@pytest.mark.skipif(torch.cuda.is_available(), reason="here the state goes to the CUDA generator")
def test_the_random_state_of_a_cuda_device_is_kept_where_there_is_none():
    model, _ = make(transformer)
    state = model.state() | {"random.cuda": torch.arange(16, dtype=torch.uint8)}
    model.load_state(state)
    assert torch.equal(model.state()["random.cuda"], state["random.cuda"])
    with pytest.raises(CourseError, match=r"'random.cuda' of the state.*\(17,\).*\(16,\)"):
        model.load_state(state | {"random.cuda": torch.zeros(17, dtype=torch.uint8)})
