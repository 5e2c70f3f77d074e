"""Steps downhill on a linear model: how many are needed, and the condition number that decides.

The model has a weight for each feature and a bias, and its loss is the mean square of what it is
off. Then the curvature is the same everywhere: H = 2 XᵀX/N, X the rows with a 1 at the end.
"""

import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..nn.curvature import Curvature
from ..nn.network import MLP

NEAR = 0.01  # of the loss that steps can take away: what may be left


def linear_model(data: Dataset) -> MLP:
    """Return a linear model for the table, in float64, with all weights 0."""
    model = MLP([data.features, data.outputs], loss="mse", dtype=torch.float64)
    model.theta.zero_()
    return model


def curvatures(data: Dataset) -> Tensor:
    """Return the curvatures of its loss on all training rows, from smallest to largest: (P,)."""
    model = linear_model(data)
    X, Y = model.encode(data.x_train, data.y_train)
    return torch.linalg.eigvalsh(Curvature(model, X, Y).hessian())


def condition(data: Dataset) -> float:
    """Return the largest curvature over the smallest one."""
    found = curvatures(data)
    return float(found[-1] / found[0])


def lowest_loss(data: Dataset) -> float:
    """Return the lowest loss that a linear model has on the training rows."""
    rows = torch.cat([data.x_train, torch.ones_like(data.x_train[:, :1])], 1)
    size = rows.norm(dim=0)  # columns of one length: else the small ones are lost in rounding
    best = torch.linalg.lstsq(rows / size, data.y_train).solution
    return float((rows / size @ best - data.y_train).square().mean())


def descend(data: Dataset, steps: int, until: float = 0.0) -> Tensor:
    """Return the training loss, before each step at α = 1/(largest curvature): (steps,) or fewer.

    Args:
        data: float64 rows and answers.
        steps: the most to make, each on all rows.
        until: the loss at which it stops.
    """
    model = linear_model(data)
    X, Y = model.encode(data.x_train, data.y_train)
    rate, losses = 1 / float(curvatures(data)[-1]), []
    for _ in range(steps):
        losses.append(float(model.loss_and_grad(X, Y)))
        if losses[-1] <= until:
            break
        model.theta.sub_(model.grad, alpha=rate)
    return torch.tensor(losses, dtype=torch.float64)


def steps_needed(data: Dataset, most: int = 20000) -> int:
    """Return how many steps take away 99 % of what can be taken away; `most` if more are needed."""
    first = float(descend(data, 1)[0])
    low = lowest_loss(data)
    goal = low + NEAR * (first - low)
    losses = descend(data, most, goal)
    return len(losses) - 1 if float(losses[-1]) <= goal else most
