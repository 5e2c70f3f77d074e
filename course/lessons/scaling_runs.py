"""Runs for a scaling law: digits with more and more images, and small networks for one budget.

The second kind learns waves in four dimensions, of which there is no end: no row is seen twice. One
hidden layer of ReLU units; a budget counts 6·P FLOPs for each row. A network of a few dozen weights
leaves a processor idle, so one for each seed is trained at once, as a stack of matrices.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..data.loading import load_data
from ..errors import CourseError, check_count
from ..nn.network import MLP
from ..optim.chain import chain
from ..optim.first_order import Descend, HeavyBall
from ..optim.schedules import Cosine
from ..planner.scaling_laws import PER_TOKEN
from ..training.trainer import Trainer

STEPS = 400  # of a network for digits, whatever the number of images
WIDE, ROWS, TEST = 4, 2**17, 4096  # inputs of the waves, rows, and the first of them for the test
WAVES = 64
LR, BATCH = 0.03, 16
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of Adam
WIDTHS = {  # of the hidden layer, for each budget: five around the best
    2e6: (2, 4, 7, 12, 20),
    6e6: (4, 7, 12, 20, 34),
    1.8e7: (7, 12, 20, 34, 57),
    5.4e7: (12, 20, 34, 57, 97),
}
BUDGETS = tuple(WIDTHS)


# ---- more images --------------------------------------------------------------------------------


def digit_errors(
    sizes: Sequence[int], seeds: Sequence[int], device: str = "cpu", dtype=torch.float64
) -> np.ndarray:
    """Return the share of wrong test digits, (seeds, sizes), after training on so many images.

    Each network has 64 hidden units, heavy ball, a rate that falls as a cosine, and `STEPS` steps.
    """
    return np.array([[_error(n, seed, device, dtype) for n in sizes] for seed in seeds])


@cache
def _error(n: int, seed: int, device: str, dtype: torch.dtype) -> float:
    data = load_data("digits", seed=seed, dtype=dtype).subset(n, seed=seed)
    model = MLP([data.features, 64, data.outputs], seed=seed, device=device, dtype=dtype)
    trainer = Trainer(model, data, chain(HeavyBall(0.9), Descend(0.1)), min(32, n), seed)
    trainer.set("lr", Cosine(0.1, steps=STEPS))
    for _ in trainer.run(STEPS):
        pass
    return 1 - trainer.evaluate("test")[1]


# ---- one budget ---------------------------------------------------------------------------------


@cache
@torch.inference_mode(
    False
)  # it is kept: whoever asks first must not decide what it can be used for
def waves() -> tuple[Tensor, Tensor]:
    """Return x (N, 4), normal, and y (N, 1): waves of many lengths, the shorter the lower."""
    dice = torch.Generator().manual_seed(0)
    number = torch.arange(1, WAVES + 1, dtype=torch.float64)
    ways = torch.randn(WIDE, WAVES, generator=dice, dtype=torch.float64)
    ways = ways / ways.norm(dim=0) * number.sqrt()
    starts = 2 * math.pi * torch.rand(WAVES, generator=dice, dtype=torch.float64)
    x = torch.randn(ROWS, WIDE, generator=dice, dtype=torch.float64)
    y = ((x @ ways + starts).sin() / number).sum(1, keepdim=True)
    return x, (y - y.mean()) / y.std()


def parameters_of(width: int) -> int:
    """Return the parameters of a network with so many hidden units."""
    return (WIDE + 1) * width + width + 1


def rows_for(budget: float, width: int) -> int:
    """Return how many rows such a network may see, a multiple of the batch size.

    Raises:
        CourseError: if there are not so many, or not a batch.
    """
    width = check_count("width", width, 1, 10**5, "hidden units")
    rows = BATCH * round(budget / (PER_TOKEN * parameters_of(width) * BATCH))
    if not BATCH <= rows <= ROWS - TEST:
        raise CourseError(
            f"{width} units and {budget:g} FLOPs make {rows} rows; allowed: {BATCH} to "
            f"{ROWS - TEST}; take {'fewer' if rows < BATCH else 'more'} units"
        )
    return rows


@torch.inference_mode()
def train_together(
    width: int, rows: int, seeds: Sequence[int], device: str = "cpu", dtype=torch.float64
) -> Tensor:
    """Train a network for each seed on so many rows, none twice; return their weights (S, P).

    Adam in batches of `BATCH`, with a rate that falls as a cosine. The weights are those of
    `MLP([4, width, 1], loss="mse")`, trained with `chain(Adam(), Descend(Cosine(…)))`.
    """
    x, y = (part.to(device, dtype) for part in waves())
    x = torch.cat([x, torch.ones_like(y)], 1)  # a column of ones: the bias
    sizes = [WIDE, width, 1]
    starts = [MLP(sizes, seed=s, loss="mse", dtype=dtype, device=device).theta for s in seeds]
    theta = torch.stack(starts)
    grad, mean, square = (torch.zeros_like(theta) for _ in range(3))
    W1, W2 = matrices(theta, width)
    G1, G2 = matrices(grad, width)
    orders = torch.stack([order(seed)[:rows] for seed in seeds]).to(device)  # (S, rows)
    a = torch.ones(len(seeds), BATCH, width + 1, dtype=dtype, device=device)
    for step, batch in enumerate(orders.split(BATCH, 1)):
        a[..., :width] = torch.bmm(x[batch], W1.mT).relu_()
        error = (torch.bmm(a, W2.mT) - y[batch]) * (2 / BATCH)
        torch.bmm(error.mT, a, out=G2)
        dz = torch.bmm(error, W2[..., :width]) * (a[..., :width] > 0)
        torch.bmm(dz.mT, x[batch], out=G1)
        mean.lerp_(grad, 1 - BETA_1)
        square.mul_(BETA_2).addcmul_(grad, grad, value=1 - BETA_2)
        rate = LR * (1 + math.cos(math.pi * step * BATCH / rows)) / 2
        length = (square / (1 - BETA_2 ** (step + 1))).sqrt_().add_(EPSILON)
        theta.addcdiv_(mean, length, value=-rate / (1 - BETA_1 ** (step + 1)))
    return theta


def order(seed: int) -> Tensor:
    """Return the rows behind the test rows in a seeded order."""
    return TEST + torch.randperm(ROWS - TEST, generator=torch.Generator().manual_seed(seed))


def matrices(flat: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Cut (S, P) into [W b] of both layers, (S, width, 5) and (S, 1, width + 1), without a copy."""
    first = (WIDE + 1) * width
    return flat[:, :first].unflatten(1, (width, WIDE + 1)), flat[:, first:].unflatten(1, (1, -1))


def test_losses(theta: Tensor, width: int) -> Tensor:
    """Return each network's mean squared error on the test rows, (S,)."""
    x, y = (part[:TEST].to(theta) for part in waves())
    W1, W2 = matrices(theta, width)
    one = torch.ones_like(y)
    a = (torch.cat([x, one], 1) @ W1.mT).relu()
    answers = torch.cat([a, one.expand(len(theta), -1, -1)], 2) @ W2.mT
    return (answers - y).square().mean((1, 2))


def runs_of(
    budget: float, seeds: Sequence[int], device: str = "cpu", dtype=torch.float64
) -> dict[int, np.ndarray]:
    """Return {parameters: test losses (S,)} of the budget's five widths.

    Raises:
        CourseError: for a budget that is not in `BUDGETS`.
    """
    if budget not in WIDTHS:
        raise CourseError(f"budget = {budget!r}; allowed: {', '.join(f'{b:g}' for b in BUDGETS)}")
    return {
        parameters_of(width): _losses(budget, width, tuple(seeds), device, dtype)
        for width in WIDTHS[budget]
    }


@cache
def _losses(
    budget: float, width: int, seeds: tuple[int, ...], device: str, dtype: torch.dtype
) -> np.ndarray:
    theta = train_together(width, rows_for(budget, width), seeds, device, dtype)
    return test_losses(theta, width).cpu().numpy()
