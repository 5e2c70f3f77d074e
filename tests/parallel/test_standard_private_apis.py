"""What the standard engine knows of PyTorch's insides. A new torch that changes it fails here."""

import torch
from torch.optim import SGD
from torch.utils._python_dispatch import TorchDispatchMode

from course.parallel.standard.traffic import KINDS, SENDS_NOTHING


def test_the_operators_that_send_have_these_names():
    known = {
        name.split("::")[1].split(".")[0]
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith(("c10d::", "_c10d_functional::"))
    }
    assert {*KINDS, *SENDS_NOTHING, "send"} <= known


def test_a_dispatch_mode_sees_operators():
    seen = []

    class See(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func.name())
            return func(*args, **(kwargs or {}))

    with See():
        torch.ones(1).add_(1)
    assert "aten::add_.Tensor" in seen


def test_sgd_keeps_its_average_under_this_name_and_starts_from_what_is_there():
    w = torch.zeros(1, requires_grad=True)
    optimizer = SGD([w], lr=1.0, momentum=0.5, dampening=0.5)
    optimizer.state[w]["momentum_buffer"] = torch.zeros(1)
    w.grad = torch.ones(1)
    optimizer.step()
    assert w.item() == -0.5 and optimizer.state[w]["momentum_buffer"].item() == 0.5


def test_clipping_by_norm_adds_a_millionth():
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    w.grad = torch.ones_like(w)
    torch.nn.utils.clip_grads_with_norm_([w], 1e-6, torch.tensor(0.0, dtype=torch.float64))
    assert w.grad.item() == 1
    torch.nn.utils.clip_grads_with_norm_([w], 1e-6, torch.tensor(1e-6, dtype=torch.float64))
    assert w.grad.item() == 0.5
