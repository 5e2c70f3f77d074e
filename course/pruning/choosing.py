"""Which weights to keep: masks (P,) of bool, beside `theta`; False is a weight that stays 0.

Only matrices and kernels are pruned. Biases, and other parameters of one axis, are few: they stay.
Each function returns a new mask and changes no weight.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import CourseError, check_choice, check_count, check_number, check_seed
from ..nn.model import Model
from ..optim import sparse


def check_share(share: object) -> float:
    """Return the share of weights to throw away, in [0, 1], or raise `CourseError`."""
    return check_number("share", share, 0, 1, "the part thrown away, as 0.8; 0 keeps everything")


def matrices(model: Model, flat: Tensor) -> dict[str, Tensor]:
    """Return the views of `flat` (P,) that are pruned, by name: those of two or more axes."""
    return sparse.matrices(model.named_views(flat))


def by_score(model: Model, scores: Tensor, share: float, scope: str = "layer") -> Tensor:
    """Return a mask that throws the lowest scores away.

    Args:
        scores: (P,), what each weight is worth.
        share: of the weights thrown away, in [0, 1]; the count is rounded, a half to the even one.
        scope: 'layer': this share of each matrix; 'all': of all matrices together, so that a layer
            with small weights may lose more than others.

    Returns:
        keep: (P,) bool.

    Raises:
        CourseError: for a share or a scope out of range.
    """
    share = check_share(share)
    check_choice("scope", scope, ("layer", "all"))
    keep = torch.ones_like(model.theta, dtype=torch.bool)
    views = list(matrices(model, keep).values())
    worth = list(matrices(model, scores).values())
    if scope == "all":  # side by side, one long row
        everything = torch.cat([v.reshape(-1) for v in worth])
        sizes = [v.numel() for v in worth]
        chosen = sparse.all_but_lowest(everything, share).split(sizes)
    else:
        chosen = tuple(sparse.all_but_lowest(v.reshape(-1), share) for v in worth)
    for view, part in zip(views, chosen, strict=True):
        view.copy_(part.view(view.shape))
    return keep


def by_magnitude(model: Model, share: float, scope: str = "layer") -> Tensor:
    """Return a mask (P,) that throws the smallest |w| away; arguments as in `by_score`.

    Equals `torch.nn.utils.prune.l1_unstructured` ('layer') and `global_unstructured` ('all').

    Source: Han et al. (2015).
    """
    return by_score(model, model.theta.abs(), share, scope)


def at_random(model: Model, share: float, seed: int = 0) -> Tensor:
    """Return a mask (P,) that throws a random share of each matrix away: what others must beat.

    Equals `torch.nn.utils.prune.random_unstructured`, matrix by matrix, after the same seed;
    PyTorch draws nothing for a matrix that loses no weight.

    Args:
        share: of each matrix, in [0, 1].
        seed: of the draw.

    Raises:
        CourseError: for a share or a seed out of range.
    """
    generator = torch.Generator().manual_seed(check_seed(seed))
    scores = torch.zeros_like(model.theta)
    for view in matrices(model, scores).values():
        drawn = torch.rand(view.shape, generator=generator, dtype=view.dtype)
        view.copy_(-drawn)  # PyTorch throws the largest away
    return by_score(model, scores, share)


def by_unit(model: Model, share: float, norm: float = 2) -> Tensor:
    """Return a mask (P,) that throws whole units away, those with the smallest ‖row of W‖.

    The last matrix keeps all its rows: they are the outputs. The biases stay. A unit without
    weights gives a constant, which `smaller` moves into the layer above. Equals
    `torch.nn.utils.prune.ln_structured(n=norm, dim=0)`.

    Args:
        share: of the units of each matrix but the last, in [0, 1]; at least one unit stays.
        norm: the p of ‖·‖_p, at least 1.

    Raises:
        CourseError: for a share or a norm out of range.

    Source: Li et al. (2017).
    """
    share = check_share(share)
    norm = check_number("norm", norm, 1, float("inf"), "2 is usual")
    keep = torch.ones_like(model.theta, dtype=torch.bool)
    views = list(matrices(model, keep).values())[:-1]
    for view, W in zip(views, matrices(model, model.theta).values(), strict=False):
        units = len(W)
        lengths = torch.linalg.vector_norm(W.reshape(units, -1), norm, dim=1)
        count = min(round(share * units), units - 1)
        view[torch.topk(lengths, count, largest=False).indices] = False
    return keep


def n_of_m(model: Model, n: int = 2, m: int = 4) -> Tensor:
    """Return a mask (P,) that keeps the n largest |w| in each m consecutive inputs of a unit.

    2 of 4 is the one pattern for which NVIDIA's tensor cores since Ampere have a faster product.

    Args:
        n: kept in each group, from 1 to m.
        m: the size of a group, at least 1; it must divide the inputs of each matrix.

    Raises:
        CourseError: for numbers out of range, and for a matrix whose rows are no multiple of m.

    Source: Mishra et al. (2021).
    """
    m = check_count("m", m, 1, 10**6, "4 is what hardware knows")
    n = check_count("n", n, 1, m, "as many of m as are kept")
    keep = torch.zeros_like(model.theta, dtype=torch.bool)
    for view in model.named_views(keep).values():
        view.fill_(view.ndim < 2)
    for (name, W), view in zip(
        matrices(model, model.theta).items(), matrices(model, keep).values(), strict=True
    ):
        inputs = W.numel() // len(W)
        if inputs % m:
            raise CourseError(
                f"{name!r} has {inputs} inputs a unit; allowed for {n} of {m}: multiples of {m}; "
                "choose other widths, or another m"
            )
        largest = torch.topk(W.reshape(-1, m).abs(), n, dim=1).indices
        groups = torch.zeros(W.numel() // m, m, dtype=torch.bool, device=W.device)
        view.copy_(groups.scatter_(1, largest, True).view(W.shape))
    return keep


Choice = Callable[[Model, float], Tensor]
