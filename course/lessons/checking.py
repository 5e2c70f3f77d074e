"""Referees: compare two results, check a gradient, judge an exercise."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import CourseError
from ..nn.network import Network
from .judging import judged


@dataclass(frozen=True)
class Comparison:
    """How near two results are; true if they are equal within the tolerance that was asked for.

    exact: equal to the last bit. approx: equal within the tolerance. rounding: 'float32', say, if
    they differ by no more than that type's rounding explains.
    """

    exact: bool
    approx: bool
    max_difference: float
    rounding: str | None = None
    to_the_bit: bool = False  # this was asked for

    def __bool__(self):
        return self.approx

    def __str__(self):
        within = f"to rounding of {self.rounding}" if self.rounding else "within the tolerance"
        within = "to the last bit" if self.to_the_bit else within
        word = f"equal {within}" if self.approx else "DIFFERENT"
        return f"{word} (largest difference {self.max_difference:.1e})"


def compare(ours, theirs, rtol=1e-5, atol=1e-8) -> Comparison:
    """Compare numbers, arrays or tensors of one shape; NaN equals nothing.

    Args:
        ours, theirs: the two results, of one shape.
        rtol, atol: allow |ours - theirs| ≤ atol + rtol·|theirs|; both 0 asks for equality to the
            last bit, which only the same machine promises.

    Raises:
        CourseError: for two shapes.
    """
    dtype = max((_float_type(v) for v in (ours, theirs)), key=lambda d: torch.finfo(d).eps)
    a, b = (torch.as_tensor(v, dtype=torch.float64).detach().cpu() for v in (ours, theirs))
    if a.shape != b.shape:
        raise CourseError(
            f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}; compare like with like"
        )
    difference = float((a - b).abs().max()) if a.numel() else 0.0
    size = max(1.0, float(b.abs().max())) if b.numel() else 1.0
    explained = difference <= 100 * torch.finfo(dtype).eps * size
    return Comparison(
        torch.equal(a, b), torch.allclose(a, b, rtol=rtol, atol=atol), difference,
        str(dtype).removeprefix("torch.") if explained else None, rtol == atol == 0,
    )  # fmt: skip


def _float_type(value) -> torch.dtype:
    """Return the floating-point type that a value was computed in; float64 for plain numbers."""
    if hasattr(value, "dtype"):
        dtype = value.dtype if isinstance(value, Tensor) else torch.as_tensor(value).dtype
        return dtype if dtype.is_floating_point else torch.float64
    return torch.float64


@dataclass(frozen=True)
class GradientCheck:
    """Largest error of a gradient, relative to its norm, against each referee."""

    autograd: float
    differences: float

    def __str__(self):
        return f"against autograd {self.autograd:.1e}, central differences {self.differences:.1e}"


def gradient_check(model: Network, x: Tensor, y: Tensor, h: float = 1e-6) -> GradientCheck:
    """Check the model's hand-derived gradient against autograd and (L(θ+h) - L(θ-h)) / 2h.

    Autograd runs through `torch.nn`'s own layers and losses.

    Args:
        model: in float64; in float32 the differences are mostly rounding.
        x: (B, n_0).
        y: class numbers (B,) or targets (B, K).
        h: the step of the differences.
    """
    x = x.to(model.theta.dtype)
    model.loss_and_grad(*model.encode(x, y))
    ours, module = model.grad.clone(), model.to_module()

    def loss(theta: Tensor) -> Tensor:
        outputs = torch.func.functional_call(module, model.named_views(theta), (x,))
        return model.loss.referee(outputs, y)

    theta = model.theta.clone().requires_grad_()
    auto = torch.autograd.grad(loss(theta), theta)[0]
    numeric = torch.empty_like(ours)
    with torch.no_grad():
        for i in range(len(theta)):
            up, down = model.theta.clone(), model.theta.clone()
            up[i] += h
            down[i] -= h
            numeric[i] = (loss(up) - loss(down)) / (2 * h)
    scale = auto.norm().clamp(min=torch.finfo(theta.dtype).tiny)
    return GradientCheck(
        float((ours - auto).norm() / scale), float((ours - numeric).norm() / scale)
    )


@dataclass
class Exercise:
    """A question with a judge. `check` says in words what is wrong.

    It never raises for a wrong answer, and an open exercise is not an error: a notebook runs to
    its end. An answer that does not end is stopped; one that changes its inputs is wrong.

    Args:
        name: as the chapter calls it.
        judge: called as judge(answer), of a function as judge(`Attempt`); returns None if it is
            right, else what is wrong.
        hints: three, from a nudge to nearly the answer.
    """

    name: str
    judge: Callable[[object], str | None]
    hints: list[str] = field(default_factory=list)
    shown: int = 0
    passed: bool = False

    def check(self, answer) -> bool:
        """Print the verdict; return True if the answer is right."""
        self.passed = False
        if answer is None or answer is ...:
            print(f"{self.name}: not answered yet. Replace the ... above and run the cell again.")
            return False
        wrong = judged(self.judge, answer)
        self.passed = wrong is None
        print(f"{self.name}: right!" if self.passed else f"{self.name}: not yet. {wrong}")
        return self.passed

    def hint(self) -> None:
        """Print the next hint."""
        if not self.hints:
            print(f"{self.name}: there are no hints.")
            return
        print(self.hints[min(self.shown, len(self.hints) - 1)])
        self.shown += 1


def unfinished(answer, count: int, form: str, what: str = "numbers", kinds=(tuple, list)):
    """Say what an answer lacks that is to have several parts; None if all are there.

    Args:
        answer: as the learner gave it.
        count: of the parts, 2 or 3.
        form: the sentence that says what to give.
        what: the parts' name in the plural.
        kinds: the types that may hold the parts.
    """
    if not isinstance(answer, kinds) or len(answer) != count:
        return form
    if any(part is ... or part is None for part in answer):
        return f"One of the {('two', 'three')[count - 2]} {what} is still open."
    return None


def near(a, b: float) -> bool:
    """Tell if the learner's number `a` is b, to three digits."""
    return math.isclose(float(a), b, rel_tol=1e-3, abs_tol=1e-9)


def same(a: Tensor, b: Tensor) -> bool:
    """Tell if two tensors have one shape and, but for float32's rounding, the same real numbers."""
    if type(a) is not Tensor or not a.is_floating_point() or a.shape != b.shape:
        return False
    largest = float(b.abs().max()) if b.numel() else 0.0
    atol = 1e-6 * (max(1.0, largest) if math.isfinite(largest) else 1.0)
    return torch.allclose(a.to(b.dtype), b, rtol=1e-4, atol=atol)


def first_match(got: Tensor, mistakes: list[tuple[Tensor, str]]) -> str | None:
    """Return what is said of the first mistake that gives the same numbers, or None.

    Args:
        got: the learner's numbers.
        mistakes: (the numbers that a mistake gives, what to say of it), …
    """
    return next((words for wrong, words in mistakes if same(got, wrong)), None)
