"""Chapter 3_15_model_parallel: a model cut over nodes. D1 3.2 and D1 6. The referee is autograd."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from ...data.loading import load_data
from ...nn.network import MLP
from ...parallel.communicator import cuts
from ...parallel.in_turn import InTurn
from ...parallel.pipeline import Pipeline
from ...parallel.tensor_parallel import TensorParallel
from ..verdicts import Case, Check

RANKS, STEPS, LR = 4, 20, 0.3
ROUNDING = 1e-9  # far above that of float64, far below any mistake
WIDTH = 12  # of all layers, so that all parts are equally large
Combine = Callable[[Sequence[Tensor], Sequence[Tensor], int], Tensor]


def net(sizes: Sequence[int] | None = None) -> MLP:
    """Return a network in float64; by default of four layers of one size."""
    return MLP(sizes or [WIDTH] * (RANKS + 1), "tanh", seed=1, dtype=torch.float64)


@cache
def batch(features: int = WIDTH) -> tuple[Tensor, Tensor]:
    """Return 64 rows, digits if the width is theirs, and class numbers below 10."""
    if features == 64:
        data = load_data("digits", 0, dtype=torch.float64)
        return data.x_train[:64], data.y_train[:64]
    dice = torch.Generator().manual_seed(5)
    return (torch.randn(64, features, generator=dice, dtype=torch.float64),
            torch.randint(10, (64,), generator=dice))  # fmt: skip


def by_autograd(network: MLP, x: Tensor, y: Tensor) -> Tensor:
    """Return the gradient of the whole network, (P,), by autograd on layers of torch."""
    weights = network.theta.clone().requires_grad_()
    with torch.enable_grad():
        outputs = torch.func.functional_call(
            network.to_module(), network.named_views(weights), (x,)
        )
        loss = nn.functional.cross_entropy(outputs, y)
    return torch.autograd.grad(loss, weights)[0]


def gap(a: Tensor, b: Tensor) -> float:
    """Return the largest difference of two vectors; infinity for two shapes."""
    return float((a - b).abs().max()) if a.shape == b.shape else float("inf")


# ---- D1-3.2a: each node trains its part, then the results are aggregated ----------------------


def trained(messages: bool) -> tuple[list[Tensor], list[Tensor], int]:
    """Train the network on digits, cut over the ranks: their weights, where these lie, messages.

    Args:
        messages: whether ranks tell each other, in every step; else each keeps the first weights
            of the others, and trains its own.
    """
    x, y = batch(64)

    def program(comm):
        model = Pipeline(comm, net([64, 16, 16, 16, 10]), micro_batches=4)
        mine = model.part(torch.arange(len(net([64, 16, 16, 16, 10]).theta)))
        alone = net([64, 16, 16, 16, 10])
        for _ in range(STEPS):
            if messages:
                model.loss_and_grad(*model.encode(x, y))
                model.theta -= LR * model.grad
            else:
                alone.loss_and_grad(*alone.encode(x, y))
                alone.theta[mine] -= LR * alone.grad[mine]
        return (model.theta if messages else alone.theta[mine]), mine

    world = InTurn(RANKS)
    found = world.run(program)
    sent = sum(event.kind == "send" for event in world.events)
    return [theta for theta, _ in found], [mine for _, mine in found], sent


@cache
def in_one_process() -> Tensor:
    """Return the weights after as many steps of plain descent by autograd."""
    model, (x, y) = net([64, 16, 16, 16, 10]), batch(64)
    for _ in range(STEPS):
        model.theta.sub_(LR * by_autograd(model, x, y))
    return model.theta


def turned() -> float:
    """Return how far the first layer's gradient moves with the last layer's weights, relatively."""
    x, y = batch(64)
    before, after = net([64, 16, 16, 16, 10]), net([64, 16, 16, 16, 10])
    after.views(after.theta)[-1].mul_(-1)
    first = len(before.views(before.theta)[0].flatten())
    a, b = (by_autograd(model, x, y)[:first] for model in (before, after))
    return float((a - b).norm() / a.norm())


AGGREGATES: dict[str, Combine] = {
    "put together": lambda parts, places, size: placed(parts, places, size),
    "averaged": lambda parts, places, size: placed(parts, places, size) / len(parts),
}


def examine_steps(says: dict) -> list[Case]:
    """Do what the steps say on four ranks, and compare with one process.

    Args:
        says: "trains": "alone" or "with messages"; "then": readings of "aggregate", keys of
            `AGGREGATES`: one that gives the model of one process is enough.
    """
    messages = says["trains"] == "with messages"
    weights, places, sent = trained(messages)
    whole = in_one_process()
    covered = torch.cat(places).sort().values
    moves = turned()
    gaps = {
        name: gap(AGGREGATES[name](weights, places, len(whole)), whole) for name in says["then"]
    }
    words = ", ".join(f"{name} {value:.0e}" for name, value in gaps.items())
    return [
        Case("each node has its own part of the network",
             torch.equal(covered, torch.arange(len(whole))),
             f"{', '.join(str(len(part)) for part in places)} weights, together all "
             f"{len(whole)}, none twice", aside=True),
        Case(f"a node trains its part {says['trains']}", messages == (moves > 0),
             f"turn the signs of the last layer's weights, and the first layer's gradient moves by "
             f"{moves:.0%} of its length"),
        Case("then the results are aggregated: the model of one process",
             min(gaps.values()) < ROUNDING,
             f"after {STEPS} steps with {sent} messages, largest difference of a weight: {words}"),
    ]  # fmt: skip


steps = Check(
    examine_steps,
    document={"trains": "alone", "then": ("put together", "averaged")},
    planted={"trains": "with messages", "then": ("put together",)},
)


# ---- D1-3.2b: the gradient of a model that is cut ---------------------------------------------


def as_printed(parts: Sequence[Tensor], places: Sequence[Tensor], size: int) -> Tensor:
    """Return the mean of the nodes' gradients, as the formula has it; short ones end in zeros."""
    return nn.utils.rnn.pad_sequence(list(parts), batch_first=True).mean(0)


def placed(parts: Sequence[Tensor], places: Sequence[Tensor], size: int) -> Tensor:
    """Return each node's numbers at their places in the whole, (size,); what meets is added up."""
    whole = torch.zeros(size, dtype=parts[0].dtype)
    for part, place in zip(parts, places, strict=True):
        whole[place] += part
    return whole


def cut_gradients(make: Callable) -> tuple[list[Tensor], list[Tensor]]:
    """Return each rank's part of the gradient, and where it lies in the whole.

    Args:
        make: called as make(comm, network); returns a strategy that cuts the network.
    """
    x, y = batch()

    def program(comm):
        model = make(comm, net())
        model.loss_and_grad(*model.encode(x, y))
        return model.grad, model.part(torch.arange(len(net().theta)))

    found = InTurn(RANKS).run(program)
    return [grad for grad, _ in found], [place for _, place in found]


def tied() -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return the gradients of two copies of one matrix, their places, and autograd's of the one.

    The matrix is the first and the last layer; a node each has a copy.
    """
    x, y = batch()
    W = net().views(net().theta)[0][:, :-1].clone()

    def loss(first: Tensor, last: Tensor) -> Tensor:
        return nn.functional.cross_entropy(torch.tanh(x @ first.t()) @ last.t(), y)

    with torch.enable_grad():
        copies = [W.clone().requires_grad_() for _ in range(2)]
        one = W.clone().requires_grad_()
        parts = torch.autograd.grad(loss(*copies), copies)
        (whole,) = torch.autograd.grad(loss(one, one), one)
    place = torch.arange(W.numel())
    return [part.flatten() for part in parts], [place, place], whole.flatten()


def shares() -> tuple[list[Tensor], Tensor]:
    """Return the gradient of the mean loss on each of four equal shards, and on all rows."""
    model, (x, y) = net(), batch()
    parts = [by_autograd(model, x[rows], y[rows]) for rows in cuts(len(x), RANKS)]
    return parts, by_autograd(model, x, y)


def examine_formula(says: Combine) -> list[Case]:
    """Combine the nodes' gradients as the formula says; is it the gradient of one process?

    Args:
        says: called as says(each node's gradient, its places in the whole, size of the whole).
    """
    whole = by_autograd(net(), *batch())
    cases = []
    cuts_of = {"each node has a layer (pipeline)": Pipeline,
               "each node has a part of every matrix (tensor)": TensorParallel}  # fmt: skip
    for name, make in cuts_of.items():
        parts, places = cut_gradients(make)
        cases.append(_case(name, says, parts, places, whole))
    parts, places, one = tied()
    cases.append(_case("two nodes share one matrix (tied weights)", says, parts, places, one))
    parts, whole = shares()
    everywhere = [torch.arange(len(whole))] * RANKS
    cases.append(_case("each node has all weights and a shard of the data (data parallelism)",
                       says, parts, everywhere, whole, aside=True))  # fmt: skip
    return cases


def _case(
    name: str, says: Combine, parts: Sequence[Tensor], places: Sequence[Tensor], whole: Tensor,
    aside: bool = False,
) -> Case:  # fmt: skip
    got = says(parts, places, len(whole))
    if got.shape != whole.shape:
        return Case(name, False, f"{got.numel()} numbers for {whole.numel()} weights", aside)
    error = float((got - whole).norm() / whole.norm())
    words = f"relative error {error:.0e}" if error < ROUNDING else f"relative error {error:.2f}"
    return Case(name, error < ROUNDING, words, aside)


formula = Check(examine_formula, document=as_printed, planted=placed)


# ---- D1-6c: the formulas of large-scale training ----------------------------------------------


def outputs(module: nn.Module, shards: list[tuple[Tensor, Tensor]], rows: int) -> Tensor:
    """Return y = f(x; w) of all shards, as the document's formula of data parallelism has it."""
    return torch.cat([module(x) for x, _ in shards]).flatten()


def weighted(module: nn.Module, shards: list[tuple[Tensor, Tensor]], rows: int) -> Tensor:
    """Return Σ_k (n_k / n) g_k, the sum of the shards' gradients by their shares of the rows."""
    total = torch.zeros(sum(p.numel() for p in module.parameters()), dtype=torch.float64)
    for x, y in shards:
        with torch.enable_grad():
            loss = nn.functional.cross_entropy(module(x), y)
            grads = torch.autograd.grad(loss, list(module.parameters()))
        total += torch.cat([g.flatten() for g in grads]) * (len(x) / rows)
    return total


def moved(x: Tensor, slopes: Tensor) -> list[Tensor]:
    """Return the parts of the data as the formula has it: each the part before it, plus a mean.

    Args:
        x: (n, features).
        slopes: (n, features), the loss by each input.
    """
    mean = sum(slopes[rows] for rows in cuts(len(x), RANKS)) / RANKS
    parts = [x[cuts(len(x), RANKS)[0]]]
    for _ in range(RANKS - 1):
        parts.append(parts[-1] + mean)
    return parts


def dealt(x: Tensor, slopes: Tensor) -> list[Tensor]:
    """Return disjoint parts that cover the data."""
    return [x[rows] for rows in cuts(len(x), RANKS)]


def examine_answer(says: dict[str, Callable]) -> list[Case]:
    """Run each formula: is it a rule of the thing that it is given for?

    Args:
        says: "data parallelism": called with a module, shards and the number of rows, returns the
            gradient of all rows; "model parallelism": as `examine_formula` takes it; "data
            distribution": called with the data and the loss by it, returns a part for each node.
    """
    model, (x, y) = net(), batch()
    module = model.to_module()
    with torch.enable_grad():
        at = x.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(nn.functional.cross_entropy(module(at), y), at)
        whole = torch.cat([g.flatten() for g in torch.autograd.grad(
            nn.functional.cross_entropy(module(x), y), list(module.parameters()))])  # fmt: skip
    shards = [(x[:40], y[:40]), (x[40:], y[40:])]  # of unequal size
    found = says["data parallelism"](module, shards, len(x)).detach()
    same = found.shape == whole.shape and gap(found, whole) < ROUNDING
    cases = [Case("data parallelism: the gradient of all rows", same,
                  f"it gives {found.numel()} numbers; the gradient has {whole.numel()}"
                  + (", equal to rounding" if same else ""))]  # fmt: skip
    parts, places = cut_gradients(Pipeline)
    name = "model parallelism: the gradient of the whole"
    gradient = by_autograd(model, x, y)
    cases.append(_case(name, says["model parallelism"], parts, places, gradient))
    given = torch.cat(says["data distribution"](x, slopes))
    kept = int((given[:, None] == x[None]).all(2).any(0).sum())
    cases.append(Case("data distribution: each sample on some node", kept == len(x),
                      f"{kept} of {len(x)} samples are still there, unchanged"))  # fmt: skip
    return cases


THREE = {"data parallelism": outputs, "model parallelism": as_printed, "data distribution": moved}
answer = Check(
    examine_answer,
    document=THREE,
    planted={"data parallelism": weighted, "model parallelism": placed, "data distribution": dealt},
)
