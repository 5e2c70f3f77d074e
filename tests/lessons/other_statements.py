"""Each claim's own statement, changed in one place, and the verdict that it gets then."""

import mutants_code_examples as code
import numpy as np
import torch

from course.lessons.checks.backward import as_printed, mended
from course.lessons.checks.data_parallel import gradient
from course.lessons.checks.forward import as_printed as printed_forward
from course.lessons.checks.gradient_descent import by_backward
from course.lessons.checks.model_parallel import dealt, placed, weighted
from course.lessons.checks.second_order import printed as newton
from course.lessons.checks.steps import STEPS
from course.lessons.checks.stopping import counted
from course.lessons.checks.trends import CAUSES, gains
from course.lessons.ledger import check_of, claims
from course.optim.first_order import HeavyBall, Momentum

CLAIMS = {claim.id: claim for claim in claims()}


def stated(name: str):
    """What the document says of this claim."""
    return check_of(CLAIMS[name]).document


def swapped(first: int) -> tuple[str, ...]:
    """The steps with two neighbours exchanged."""
    steps = list(STEPS)
    steps[first], steps[first + 1] = steps[first + 1], steps[first]
    return tuple(steps)


def softmax_at_the_end(times, Ws, bs, x, f):
    """The printed formula, but for the output layer."""
    a = x
    for layer, (W, b) in enumerate(zip(Ws, bs, strict=True), 1):
        z = times(W, a) + b
        a = z.softmax(0) if layer == 3 else f(z)
    return a


def patience(run) -> np.ndarray:
    """Stop when the loss has not fallen by 5 % in ten steps."""
    return np.array([n >= 10 and run.loss[n] > 0.95 * run.loss[n - 10]
                     for n in range(len(run.loss))])  # fmt: skip


def plain_mean(model, parts):
    """The mean of the nodes' gradients, however many rows each has."""
    theta = model.theta.clone()
    return torch.stack([gradient(model, theta, rows) for rows in parts]).mean(0)


TOGETHER = {"core": ("backward", "update")}
NO_MEMORY = {"rule": lambda beta: [Momentum(0.0)]}

# claim: (what was changed, the statement, its verdict)
MUTANTS = code.MUTANTS + [
    ("D0-1", "worse in language", {"images": "better", "language": "worse"}, "imprecise"),
    ("D0-1", "worse in images alone", {"images": "worse"}, "wrong"),
    ("D1-1a", "it adds up as a nerve cell", stated("D1-1a") | {"as the brain": ("sums",)}, "holds"),
    ("D1-1a", "one layer, and pulses", {"layers": 1, "as the brain": ("pulses",)}, "wrong"),
    ("D1-1c", "data, width and passes", ("data", "width", "passes"), "holds"),
    ("D1-1c", "the first weights", ("seed",), "wrong"),
    ("D1-3", "the algorithm alone", dict.fromkeys(stated("D1-3"), ()) |
     {"the algorithm": ("data parallelism", "model parallelism")}, "wrong"),
    ("D1-3", "what it can do", stated("D1-3") | {"the algorithm": ()}, "holds"),
    ("D1-3", "descent spreads", dict.fromkeys(stated("D1-3"), ("gradient descent",)) |
     {"the algorithm": ()}, "wrong"),
    ("D1-3.1a", "nothing is aggregated",
     stated("D1-3.1a") | {"each takes": "all", "results": "none"}, "wrong"),
    ("D1-3.1a", "gradients, by rows",
     stated("D1-3.1a") | {"results": "gradients", "weights": "by rows"}, "holds"),
    ("D0-5a", "nothing is gained", stated("D0-5a") | {"then training": "takes as long"},
     "imprecise"),
    ("D0-5a", "nothing is left", {"compute": "is used up", "then training": "takes as long"},
     "wrong"),
    ("D0-5c", "storage is enough", stated("D0-5c") | {"storage": "enough"}, "imprecise"),
    ("D0-5c", "no way", {"storage": "enough", "compute": "enough", "larger networks": "impossible"},
     "wrong"),
    ("D1-3.1b", "the plain mean", plain_mean, "imprecise"),
    ("D1-3.3a", "and no row twice", (*stated("D1-3.3a"), "no row goes to two nodes"), "imprecise"),
    ("D1-3.3a", "only a new order", ("a new order in each epoch",), "holds"),
    ("D1-3.3b", "downhill", lambda x, gradients: x - gradients.mean(0), "imprecise"),
    ("D1-3.3b", "0 is added", lambda x, gradients: x + 0 * gradients, "holds"),
    ("D2-3a", "merge sort", stated("D2-3a") | {"plan": "merge sort"}, "holds"),
    ("D2-3a", "a workflow", stated("D2-3a") | {"called": "workflow"}, "holds"),
    ("D2-3b", "another unit for all", stated("D2-3b") | {"scaling": ("multiplying by 1000",)},
     "wrong"),
    ("D2-3b", "one of them", stated("D2-3b") |
     {"scaling": ("standardising", "multiplying by 1000")}, "imprecise"),
    ("D3-2", "few data", {"few data": stated("D3-2")["large data"]}, "holds"),
    ("D3-2", "only augmentation", {"large data": ("augmentation",)}, "wrong"),
    ("D3-2", "without augmentation", stated("D3-2") | {"large data": ("preprocessing",)}, "holds"),
    ("D3-5b", "one source", stated("D3-5b")[:3], "wrong"),
    ("D3-5b", "a second source", stated("D3-5b")[3:], "holds"),
    ("D2-1", "therefore smaller ones", {"size": "smaller", "needs": "less"}, "holds"),
    ("D2-1", "larger, which need more", {"size": "larger", "needs": "more"}, "holds"),
    ("D2-1b", "more units", ("in units of a hidden layer",), "holds"),
    ("D2-1b", "no activation function", ("in a layer without an activation function",), "wrong"),
    ("D2-2d", "the same algorithm",
     stated("D2-2d") | {"algorithm": "the same", "arithmetic": "as much"}, "holds"),
    ("D2-2d", "less compute", stated("D2-2d") | {"ordinary": (), "compute": "less"}, "wrong"),
    ("D4-1a", "deep belief nets, not the first",
     stated("D4-1a") | {"called": "deep belief nets", "new": False}, "holds"),
    ("D4-1a", "in 1996", stated("D4-1a") | {"year": 1996}, "wrong"),
    ("D4-1b", "in 2011", 2011, "wrong"),
    ("D4-1b", "in 2013", 2013, "imprecise"),
    ("D1-1b", "nothing is repeated", (STEPS, ()), "wrong"),
    ("D1-1b", "all is repeated", (STEPS, STEPS), "wrong"),
    ("D1-1b", "never initialised", (STEPS[1:], STEPS[1:]), "wrong"),
    ("D1-1b", "no forward pass", (STEPS[:1] + STEPS[2:], STEPS[2:]), "wrong"),
    ("D1-1b", "no loss", (STEPS[:2] + STEPS[3:], STEPS[1:2] + STEPS[3:]), "wrong"),
    ("D1-1b", "update before backward", (swapped(3), swapped(3)[1:]), "imprecise"),
    ("D1-1b", "backward before loss", (swapped(2), swapped(2)[1:]), "imprecise"),
    ("D1-1b", "loss before forward", (swapped(1), swapped(1)[1:]), "imprecise"),
    ("D1-1d", "no activation", lambda w, x, f: (w * x).sum(), "wrong"),
    ("D1-1d", "a product for the sum", lambda w, x, f: f((w * x).prod()), "wrong"),
    ("D1-1d", "activation of the inputs", lambda w, x, f: (w * f(x)).sum(), "wrong"),
    ("D1-1d", "its last weight left out", lambda w, x, f: f((w * x)[:-1].sum()), "wrong"),
    ("D1-1e", "only the number", {"250 steps": counted}, "holds"),
    ("D1-1e", "only patience", {"patience": patience}, "holds"),
    ("D1-1e", "only rest", {"rest": lambda run: run.moved < 1e-30}, "wrong"),
    ("D0-2.1", "it has a weight", stated("D0-2.1") | {"a connection": "has a weight"}, "holds"),
    ("D0-2.1", "apart", stated("D0-2.1") | {"nodes": "apart"}, "wrong"),
    ("D0-2.3", "all three, and no promise",
     {"large": ("data", "parameters", "devices"), "costs": (), "accuracy": "can rise",
      "models": False}, "holds"),
    ("D4-2.3", "parameters too",
     stated("D4-2.3") | {"large": ("data", "parameters", "devices")}, "holds"),
    ("D0-6.1", "6 P N", stated("D0-6.1") | {"amount": lambda N, P: 6 * N * P}, "holds"),
    ("D0-6.1", "on the seed", {"depends on": ("seed",), "amount": None}, "wrong"),
    ("D1-2a", "averages of weights", "local_sgd", "imprecise"),
    ("D1-2a", "one stage after the other", "one stage after the other", "imprecise"),
    ("D1-2b", "with micro-batches", ("stages with micro-batches",), "holds"),
    ("D1-2b", "one stage after the other", ("one stage after the other",), "wrong"),
    ("D1-2c", "tensor parallelism", "tensor", "wrong"),
    ("D1-2d", "also of one device", {"data": 4, "tensor": 1}, "imprecise"),
    ("D1-2e", "the passes alone", ("the passes",), "wrong"),
    ("D1-2e", "not the passes", ("the messages",), "holds"),
    ("D1-6a", "none of them", (), "wrong"),
    ("D1-6a", "all five", check_of(CLAIMS["D1-6a"]).planted, "holds"),
    ("D1-6b", "both cut the input", {"data": "input", "model": "input"}, "imprecise"),
    ("D1-6b", "the other way round", {"data": "network", "model": "input"}, "wrong"),
    ("D2-2b", "small ones", 16, "wrong"),
    ("D2-2b", "of medium size", 512, "imprecise"),
    ("D0-2.2", "many samples", stated("D0-2.2") | {"on": stated("D0-2.2")["on"][:2]}, "holds"),
    ("D0-2.2", "few samples", stated("D0-2.2") | {"on": stated("D0-2.2")["on"][2:]}, "wrong"),
    ("D0-2.2", "linear, on spirals", stated("D0-2.2") | {"better": "linear", "on": ("spirals",)},
     "wrong"),
    ("D4-2.1", "all", stated("D4-2.1") | {"hears": "all", "tells": "all"}, "holds"),
    ("D4-2.1", "one, and upwards",
     stated("D4-2.1") | {"changes": ("biases",), "the loss": "rises"}, "wrong"),
    ("D4-2.2a", "many samples", stated("D4-2.2a") | {"on": stated("D4-2.2a")["on"][:1]}, "holds"),
    ("D4-2.2a", "few samples", stated("D4-2.2a") | {"on": stated("D4-2.2a")["on"][1:]}, "wrong"),
    ("D4-2.2b", "all networks", stated("D4-2.2b") | {"kind": "all networks"}, "imprecise"),
    ("D4-2.2b", "one layer", stated("D4-2.2b") | {"layers": "one"}, "imprecise"),
    ("D4-2.2b", "all layers below", stated("D4-2.2b") | {"hears": "all layers below"}, "imprecise"),
    ("D2-2a", "together", stated("D2-2a") | {"trained": "together"}, "holds"),
    ("D3-3.2", "trained on and evaluated", (*stated("D3-3.2"), "tune", "evaluate"), "holds"),
    ("D3-3.2", "nothing pruned", stated("D3-3.2")[:-1], "holds"),
    ("D4-1c", "Transformers alone", ("Transformer",), "holds"),
    ("D4-1c", "no kind at all", (), "wrong"),
    ("D3-5a", "models shrink", stated("D3-5a") | {"grow": "fewer"}, "imprecise"),
    ("D3-5a", "frequencies", stated("D3-5a") | {"such as": ("frequencies",)}, "imprecise"),
    ("D3-6.1", "causes alone", stated("D3-6.1") | {"remedies": ()}, "holds"),
    ("D3-6.1", "another cause", stated("D3-6.1") | {"causes": ("small steps",),
     "remedies": ("a higher rate",)}, "wrong"),
    ("D3-6.3", "boosting", stated("D3-6.3") | {"first": "boosting"}, "imprecise"),
    ("D3-6.3", "more units", stated("D3-6.3") | {"first": "more units"}, "holds"),
    ("D3-6.3", "more hidden layers first", stated("D3-6.3") | {"first": "more hidden layers"},
     "imprecise"),
    ("D1-5a", "by how much", stated("D1-5a") |
     {"by": {cause: factor for cause, (factor, _) in gains().items()}}, "holds"),
    ("D1-5a", "by how much, and less", {"helps": dict.fromkeys(CAUSES, "less"),
     "by": dict.fromkeys(CAUSES, 100.0)}, "wrong"),
    ("D1-5b", "the algorithm stays", stated("D1-5b") | {"the algorithm": "stays"}, "holds"),
    ("D1-5b", "only the algorithm", {"the algorithm": "grows"}, "wrong"),
    ("D3-5d", "units alone", stated("D3-5d") | {"lower": ("by unit",)}, "holds"),
    ("D3-5d", "neither", {"models": "fewer", "lower": ("optimised",)}, "wrong"),
    ("D3-5c", "shorter and shorter", stated("D3-5c") | {"with each network": "shorter"},
     "imprecise"),
    ("D3-5c", "one machine alone", stated("D3-5c") | {"distributed": "longer"}, "imprecise"),
    ("D3-5c", "neither helps",
     {"with each network": "neither", "parallel": "longer", "distributed": "longer",
      "failures": "as often"}, "wrong"),
    ("D1-3.2a", "with messages",
     {"trains": "with messages", "then": ("put together",)}, "holds"),
    ("D1-3.2a", "with messages, averaged",
     {"trains": "with messages", "then": ("averaged",)}, "imprecise"),
    ("D1-3.2b", "side by side, no 1/N", placed, "holds"),
    ("D1-3.2b", "in a row", lambda parts, places, size: torch.cat(list(parts)), "imprecise"),
    ("D1-6c", "the gradient of the shares", stated("D1-6c") | {"data parallelism": weighted},
     "imprecise"),
    ("D1-6c", "the parts side by side", stated("D1-6c") | {"model parallelism": placed},
     "imprecise"),
    ("D1-6c", "each sample once", stated("D1-6c") | {"data distribution": dealt}, "imprecise"),
    ("D0-3.1", "softmax at the end", softmax_at_the_end, "holds"),
    ("D0-3.1", "no bias",
     lambda t, Ws, bs, x, f: printed_forward(t, Ws, [0 * b for b in bs], x, f), "wrong"),
    ("D0-3.1", "transposed",
     lambda t, Ws, bs, x, f: printed_forward(t, [W.t() for W in Ws], bs, x, f), "wrong"),
    ("D0-3.1", "no activation", lambda t, Ws, bs, x, f: printed_forward(t, Ws, bs, x, lambda z: z),
     "wrong"),
    ("D0-3.2", "a and z exchanged in line 1",
     lambda k: {"z": k.da * k.slope, "W": k.da @ k.a.t(), "b": k.da}, "imprecise"),
    ("D0-3.2", "line 2 mended", lambda k: as_printed(k) | {"W": k.dz @ k.a.t()}, "imprecise"),
    ("D0-3.2", "line 3 mended", lambda k: as_printed(k) | {"b": k.dz}, "imprecise"),
    ("D0-3.2", "all mended", mended, "holds"),
    ("D0-3.2b", "with descent", stated("D0-3.2b") | TOGETHER, "holds"),
    ("D0-3.2b", "of each weight", TOGETHER | {"gradient of": "weight"}, "holds"),
    ("D0-3.2b", "the forward pass", {"core": (), "gradient of": "sample"}, "wrong"),
    ("D3-3.1", "with back-propagation", stated("D3-3.1") | {"gradient": by_backward}, "holds"),
    ("D3-3.1", "no update", stated("D3-3.1") | {"steps": STEPS[:-1]}, "wrong"),
    ("D3-3.1", "another order", stated("D3-3.1") | {"steps": swapped(3)}, "wrong"),
    ("D4-3.1a", "uphill", lambda w, g, lr: w + lr * g, "wrong"),
    ("D4-3.1a", "no rate", lambda w, g, lr: w - g, "wrong"),
    ("D4-3.1a", "a rate of 0.3", lambda w, g, lr: w - 0.3 * g, "imprecise"),
    ("D4-3.1a", "the sign", lambda w, g, lr: w - lr * g.sign(), "wrong"),
    ("D4-3.1b", "larger and larger", lambda norms: (np.diff(norms) > 0).all(), "wrong"),
    ("D4-3.1b", "it is never 0", lambda norms: (norms > 0).all(), "holds"),
    ("D4-3.1c", "a stationary point", lambda end: end.gradient < 0.01, "holds"),
    ("D4-3.1c", "the worst", lambda end: end.loss > 10, "wrong"),
    ("D4-3.1d", "only the number", {"250 steps": counted}, "holds"),
    ("D4-3.1d", "only patience", {"patience": patience}, "holds"),
    ("D4-3.1d", "a threshold below 0", {"below 0": lambda run: run.loss < 0}, "wrong"),
    ("D4-3.2", "fewer steps, more samples", stated("D4-3.2") | {"fewer samples": "one"}, "holds"),
    ("D4-3.2", "slower", stated("D4-3.2") | {"fewer steps": "one"}, "wrong"),
    ("D4-3.3", "it moves all weights", stated("D4-3.3") | {"changes": "all"}, "holds"),
    ("D4-3.3", "as much memory", stated("D4-3.3") | {"less memory": "both"}, "wrong"),
    ("D2-2c", "small factors, few data",
     {"vanishing": ("smaller factors",), "over-fitting": ("fewer data",)}, "holds"),
    ("D2-2c", "width, data", {"vanishing": ("more width",), "over-fitting": ("more data",)},
     "wrong"),
    ("D0-6.2", "each with its own start",
     stated("D0-6.2") | {"tries": [("tanh", "xavier"), ("relu", "he")]}, "holds"),
    ("D0-6.2", "nothing is tried", {"tries": [], "depends on": ("problem",)}, "wrong"),
    ("D0-5b", "few parameters, few data", stated("D0-5b") |
     {"grows with": ("more parameters, up to one feature for each sample", "fewer data")}, "holds"),
    ("D0-5b", "many parameters, many data",
     {"grows with": ("more parameters, far beyond that", "more data"), "solved by": ()}, "wrong"),
    ("D0-6.3", "and the three that are missing",
     check_of(CLAIMS["D0-6.3"]).planted, "holds"),
    ("D0-6.3", "fewer units alone", ("fewer units",), "wrong"),
    ("D2-3c", "SGD does not", {"SGD": 0.0, "RMSprop": 0.003, "Adam": 0.01}, "imprecise"),
    ("D2-3c", "tiny rates", {"SGD": 1e-5, "RMSprop": 1e-7, "Adam": 1e-7}, "wrong"),
    ("D2-3e", "optional, of different networks",
     stated("D2-3e") | {"is": "optional", "better": ("bagging",)}, "holds"),
    ("D2-3e", "needed, of copies", stated("D2-3e") |
     {"made of": "copies of one network", "better": ()}, "wrong"),
    ("D4-3.4", "at its best rate, the steep direction",
     stated("D4-3.4") | {"faster": ("best",), "calmer": ("steep",)}, "holds"),
    ("D4-3.4", "at the same rate, the flat direction",
     stated("D4-3.4") | {"faster": ("same",), "calmer": ("flat",)}, "wrong"),
    ("D4-3.4", "without the memory", stated("D4-3.4") | NO_MEMORY, "wrong"),
    ("D4-3.4", "heavy ball, at the same rate",
     {"rule": lambda beta: [HeavyBall(beta)], "faster": ("same",), "calmer": ()}, "holds"),
    ("D4-3.5", "far away, at a larger rate",
     stated("D4-3.5") | {"calm": ("far",), "faster": ("larger",)}, "holds"),
    ("D4-3.5", "no clipping", stated("D4-3.5") | {"clip": lambda g, eps: g}, "wrong"),
    ("D4-3.5b", "with its second line", ("with the line that descends",), "holds"),
    ("D4-3.5b", "only itself", ("by itself",), "wrong"),
    ("D4-3.6", "at a larger rate, after a spike",
     stated("D4-3.6") | {"faster": ("larger",), "calm": ("spike",)}, "holds"),
    ("D4-3.6", "at the same rate, on a bowl",
     stated("D4-3.6") | {"faster": ("same",), "calm": ("bowl",)}, "wrong"),
    ("D4-3.6", "no clipping",
     stated("D4-3.6") | {"memory": lambda v, g, beta, eps: beta * v + (1 - beta) * g}, "wrong"),
    ("D4-3.7", "on a bowl", stated("D4-3.7") | {"faster": ("ravine",), "calmer": ("ravine",)},
     "holds"),
    ("D4-3.7", "near a saddle and far away",
     stated("D4-3.7") | {"faster": ("saddle",), "calmer": ("far",)}, "wrong"),
    ("D4-3.7", "with λ at least 1.5",
     stated("D4-3.7") | {"step": lambda g, H, lr, damping: newton(g, H, lr, max(damping, 1.5))},
     "holds"),
    ("D4-3.7", "uphill",
     stated("D4-3.7") | {"step": lambda g, H, lr, damping: -newton(g, H, lr, damping)}, "wrong"),
]  # fmt: skip
