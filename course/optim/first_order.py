"""First-order transforms, from simple to complex. See `chain` for how they compose.

Each states its formula, its convention where the field has two, its source, and what it equals in
`torch.optim`; the tests hold it to that over random gradients in float64.
"""

from dataclasses import dataclass

import torch

from ..errors import check_count, check_number
from .chain import Transform
from .schedules import LATEST


@dataclass
class Descend(Transform):
    """θ ← θ - αg: the transform that moves the weights (D4 3.1)."""

    lr: float = 0.1
    descends = True  # the one transform that moves the weights

    def __call__(self, g, context):
        context.theta.add_(g, alpha=-self.lr)
        return g


@dataclass
class Spike(Transform):
    """g · factor in one step only: what a rare wild batch does.

    First in a chain, it counts as the raw gradient: the recorded norm shows it.

    Args:
        at: that step, t = 0, 1, 2, ….
        factor: in (0, 10⁶].
    """

    at: int = 0
    factor: float = 100.0

    def __setattr__(self, name, value):
        if name == "at":
            value = check_count("Spike.at", value, 0, LATEST, "a step of the run, the first is 0")
        elif name == "factor":
            value = check_number("Spike.factor", value, 0, 1e6, "100 is a lot", open_low=True)
        super().__setattr__(name, value)

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, context):
        if context.step != self.at:
            return g
        torch.mul(g, self.factor, out=self.out)
        if g is context.grad:
            context.take(self.out)
        return self.out


# ---- clipping -----------------------------------------------------------------------------


@dataclass
class ClipByValue(Transform):
    """g' = clip(g, -ε, ε), entry by entry. It turns the direction.

    A NaN stays NaN, an infinity becomes ±ε. Equals `torch.nn.utils.clip_grad_value_`.

    Args:
        threshold: ε, above 0.

    Source: D4 3.5.
    """

    threshold: float = 1.0
    clips = True

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, context):
        self.before, self.norm = context.norm_of(g), context.norm
        return torch.clamp(g, -self.threshold, self.threshold, out=self.out)

    def norms(self):
        """‖g'‖ and ‖g‖ of the step just made."""
        return self.norm(self.out), self.before


@dataclass
class ClipByNorm(Transform):
    """g' = g · min(1, c / ‖g‖₂): shorter, in the same direction.

    A NaN or infinite norm stays visible: it makes every entry NaN (or 0). Equals
    `torch.nn.utils.clip_grad_norm_` but for the 1e-6 that is added to the norm there.

    Args:
        threshold: c, above 0.

    Source: Pascanu et al. (2013).
    """

    threshold: float = 1.0
    clips = True

    def init(self, theta):
        self.out = torch.empty_like(theta)
        self.limit, self.scale, self.after = theta.new_zeros(3).unbind()
        self.held = 0.0  # what `limit` is filled with: c as a tensor saves an operation a step

    def __call__(self, g, context):
        self.before = context.norm_of(g)
        if self.held != self.threshold:
            self.held = self.threshold
            self.limit.fill_(self.threshold)
        torch.div(self.limit, self.before, out=self.scale).clamp_max_(1)
        torch.mul(self.before, self.scale, out=self.after)
        return torch.mul(g, self.scale, out=self.out)

    def norms(self):
        """‖g'‖ and ‖g‖ of the step just made."""
        return self.after, self.before


# ---- memory -------------------------------------------------------------------------------


@dataclass
class Momentum(Transform):
    """v ← βv + (1 - β)g, v₀ = 0: the documents' exponential average (D4 3.4).

    No bias correction, so the first step is (1 - β)g. With constant β this is heavy ball with
    the rate multiplied by (1 - β); `torch.optim.SGD(dampening=β)` differs at the first step.
    """

    beta: float = 0.9

    def init(self, theta):
        self.v = torch.zeros_like(theta)

    def state(self):
        return {"v": self.v}

    def __call__(self, g, context):
        return self.v.lerp_(g, 1 - self.beta)


@dataclass
class HeavyBall(Transform):
    """v ← βv + g, v₀ = 0. Equals `torch.optim.SGD(momentum=β)`.

    Args:
        beta: β, in [0, 1).

    Source: Polyak (1964).
    """

    beta: float = 0.9

    def init(self, theta):
        self.v = torch.zeros_like(theta)

    def state(self):
        return {"v": self.v}

    def __call__(self, g, context):
        return torch.add(g, self.v, alpha=self.beta, out=self.v)


@dataclass
class Nesterov(Transform):
    """v ← βv + g, then g + βv: the average looked at one step ahead.

    Equals `torch.optim.SGD(momentum=β, nesterov=True)`.

    Args:
        beta: β, in [0, 1).

    Source: Nesterov (1983), in the form of Sutskever et al. (2013).
    """

    beta: float = 0.9

    def init(self, theta):
        self.v, self.out = torch.zeros_like(theta), torch.empty_like(theta)

    def state(self):
        return {"v": self.v}

    def __call__(self, g, context):
        torch.add(g, self.v, alpha=self.beta, out=self.v)
        return torch.add(g, self.v, alpha=self.beta, out=self.out)


@dataclass
class SignDescent(Transform):
    """sign(g): every weight moves by α, whatever the slope: signSGD.

    After `Momentum` it is Signum. `ClipByValue` with a tiny ε tends to it, times ε. A NaN or
    infinite entry gives NaN: torch.sign(NaN) is 0, which would hide it.

    Source: Bernstein et al. (2018).
    """

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, context):
        return torch.sign(g, out=self.out).add_(g, alpha=0)


# ---- regularisation -----------------------------------------------------------------------


@dataclass
class L2(Transform):
    """g + λθ: the gradient of L + (λ/2)‖θ‖², of all weights, biases included.

    Equals `torch.optim.SGD(weight_decay=λ)`. Before `Adam` it is rescaled with the gradient;
    after it, every weight shrinks alike: that is `AdamW` (Loshchilov & Hutter 2019).

    Args:
        weight_decay: λ, at least 0.

    Source: D2 3.
    """

    weight_decay: float = 1e-4

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, context):
        return torch.add(g, context.theta, alpha=self.weight_decay, out=self.out)


@dataclass
class L1Subgradient(Transform):
    """g + λ sign(θ), sign(0) = 0: a subgradient of L + λ‖θ‖₁, of all weights, biases included.

    A weight near 0 jumps over it and back by αλ: it is small, never 0. `L1` gives zeros.

    Args:
        strength: λ, at least 0.

    Source: Tibshirani (1996) for the penalty; Boyd & Vandenberghe (2022), "Subgradients", 3.
    """

    strength: float = 1e-4

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, context):
        torch.sign(context.theta, out=self.out)
        return self.out.mul_(self.strength).add_(g)


@dataclass
class L1(Transform):
    """θ ← sign(θ) max(|θ| - αλ, 0), after `Descend`: the proximal step of λ‖θ‖₁.

    Soft-thresholding gives exact zeros; the gradient of λ|θ| would only jitter around them. All
    weights, biases included. `torch.optim` has no such step.

    Args:
        strength: λ, at least 0.

    Source: D2 3; Daubechies et al. (2004).
    """

    strength: float = 1e-4
    after_descend = True

    def init(self, theta):
        self.out = torch.empty_like(theta)

    def __call__(self, g, context):
        most = torch.finfo(context.theta.dtype).max  # clamp takes no number above it
        t = min(context.lr * self.strength, most)
        context.theta.sub_(torch.clamp(context.theta, -t, t, out=self.out))
        return g
