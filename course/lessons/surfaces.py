"""Surfaces J(x, y) with two weights: small enough to see every step, rich enough to go wrong.

Each states its value, and by hand its gradient (2,) and Hessian (2, 2); the tests hold both to
autograd. Then the theory of momentum on a bowl (Polyak 1964; Goh 2017, Distill). In one direction
of curvature λ a step maps (v, w), w counted from the bottom, by a fixed matrix:

    heavy ball           v ← βv + λw         w ← w - αv       ( β       λ          )
                                                              ( -αβ     1 - αλ     )
    exponential average  v ← βv + (1 - β)λw  w ← w - αv       the same up to the scale of v,
                                                              with α(1 - β) in place of α

Its eigenvalues solve z² - (1 + β - a)z + β = 0 with a = αλ, or α(1 - β)λ. In the long run every
step multiplies the distance by the largest |z| of all directions: the spectral radius ρ.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import check_choice, check_number

Range = tuple[float, float]
Point = tuple[float, float]


class Surface:
    """Base of the surfaces.

    window: the x and y range worth seeing. start: where a race begins. minima: all points of the
    lowest value, `lowest`. rate: a learning rate that shows plain gradient descent.
    """

    name: str
    window: tuple[Range, Range] = ((-1.5, 1.5), (-1.5, 1.5))
    start: Point = (1.0, 1.0)
    minima: tuple[Point, ...] = ((0.0, 0.0),)
    lowest: float = 0.0
    rate: float

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return J at x, y: tensors that broadcast."""
        raise TypeError(f"{type(self).__name__} does not say its value")

    def gradient(self, point: Tensor) -> Tensor:
        """Return ∇J at a point (2,): (2,), a new tensor."""
        raise TypeError(f"{type(self).__name__} does not say its gradient")

    def hessian(self, point: Tensor) -> Tensor:
        """Return ∂²J at a point (2,): (2, 2), a new tensor."""
        raise TypeError(f"{type(self).__name__} does not say its Hessian")

    def curvatures(self) -> tuple[float, float]:
        """Return (λ_min, λ_max): the Hessian's eigenvalues at the (first) minimum."""
        at = torch.tensor(self.minima[0], dtype=torch.float64)
        low, high = torch.linalg.eigvalsh(self.hessian(at)).tolist()
        return low, high

    def distance(self, point: Tensor) -> float:
        """Return how far the nearest minimum is from `point` (2,)."""
        x, y = point.tolist()
        return min(math.hypot(x - a, y - b) for a, b in self.minima)


@dataclass
class Quadratic(Surface):
    """½ pᵀA p with curvature 1 along one axis and `condition` = κ along the other.

    The start turns along, so it is the same race seen from elsewhere. Gradient descent does not
    notice, methods with a rate for each coordinate do. Gradient descent diverges above α = 2/κ.

    Args:
        condition: κ, in [1, 10⁶].
        rotation: degrees from the x-axis, counter-clockwise, to the flat direction, in ±180.

    Raises:
        CourseError: for a number out of its range.
    """

    condition: float = 100.0
    rotation: float = 0.0
    name = "quadratic"

    def __post_init__(self):
        k = check_number("condition", self.condition, 1, 1e6, "a common choice is 100")
        check_number("rotation", self.rotation, -180, 180, "0 puts the flat direction along x")
        angle = math.radians(self.rotation)
        c, s = math.cos(angle), math.sin(angle)
        across = (1 - k) * c * s
        self.A = torch.tensor(
            [[c * c + k * s * s, across], [across, s * s + k * c * c]], dtype=torch.float64
        )
        self.start = (c - s, c + s)  # (1, 1), turned
        self.rate = 1.8 / k

    def value(self, x, y):
        (a, b), (_, d) = self.A.tolist()
        return 0.5 * (a * x * x + 2 * b * x * y + d * y * y)

    def gradient(self, point):
        return self.A @ point

    def hessian(self, point):
        return self.A.clone()


class Ravine(Quadratic):
    """The ravine of the chapter on momentum: ½(1·x² + 100·y²), from (1, 1)."""

    name = "ravine"

    def __init__(self):
        super().__init__(100.0, 0.0)


class Rosenbrock(Surface):
    """(1 - x)² + 100(y - x²)²: a bent valley (Rosenbrock 1960), with his start (-1.2, 1).

    Down to the valley it is quick, along it slow: at the minimum the curvatures are .4 and 1002.
    """

    name = "Rosenbrock"
    window = ((-2.0, 2.0), (-1.0, 3.0))
    start = (-1.2, 1.0)
    minima = ((1.0, 1.0),)
    rate = 0.001

    def value(self, x, y):
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2

    def gradient(self, point):
        x, y = point.tolist()
        gap = y - x * x
        return point.new_tensor([-2 * (1 - x) - 400 * x * gap, 200 * gap])

    def hessian(self, point):
        x, y = point.tolist()
        return point.new_tensor([[2 + 1200 * x * x - 400 * y, -400 * x], [-400 * x, 200.0]])


class Saddle(Surface):
    """½x² + ¼y⁴ - ½y²: a saddle at (0, 0) between two minima at (0, -1) and (0, 1).

    Near the saddle the slope is small in every direction, so a descent rests there for long, and
    Newton's method without damping walks to it.
    """

    name = "saddle"
    window = ((-1.6, 1.6), (-1.6, 1.6))
    start = (1.2, 0.02)
    minima = ((0.0, -1.0), (0.0, 1.0))
    lowest = -0.25
    rate = 0.2

    def value(self, x, y):
        return 0.5 * x * x + 0.25 * y**4 - 0.5 * y * y

    def gradient(self, point):
        x, y = point.tolist()
        return point.new_tensor([x, y**3 - y])

    def hessian(self, point):
        _, y = point.tolist()
        return point.new_tensor([[1.0, 0.0], [0.0, 3 * y * y - 1]])


class Cliff(Surface):
    """A plateau that slopes gently to the foot of a wall (after Pascanu et al. 2013, figure 6).

    sx + hw·log(1 + e^(-x/w)) + ¼y², slope s = .5, wall h = 100, width w = .02: the gradient's
    x-part is s on the plateau and s - h on the wall, within a few w. One step taken there throws
    the point far back: what clipping by norm is for.
    """

    slope, wall, width = 0.5, 100.0, 0.02
    name = "cliff"
    window = ((-0.5, 2.5), (-1.5, 1.5))
    start = (2.0, 1.0)
    rate = 0.3

    def __init__(self):
        foot = self.width * math.log(self.wall / self.slope - 1)
        self.minima = ((foot, 0.0),)
        at = torch.tensor([foot, 0.0], dtype=torch.float64)
        self.lowest = float(self.value(*at))

    def value(self, x, y):
        z = -x / self.width
        steep = torch.logaddexp(z, torch.zeros_like(z))
        return self.slope * x + self.wall * self.width * steep + 0.25 * y * y

    def gradient(self, point):
        on = torch.sigmoid(-point[0] / self.width)  # 0 on the plateau, 1 on the wall
        return torch.stack([self.slope - self.wall * on, 0.5 * point[1]])

    def hessian(self, point):
        on = float(torch.sigmoid(-point[0] / self.width))
        bend = self.wall / self.width * on * (1 - on)
        return point.new_tensor([[bend, 0.0], [0.0, 0.5]])


SURFACES: dict[str, type[Surface]] = {
    kind.name: kind for kind in (Quadratic, Ravine, Rosenbrock, Saddle, Cliff)
}


def make_surface(name: str, condition: float = 100.0, rotation: float = 0.0) -> Surface:
    """Return a surface by its name.

    Args:
        name: one of `SURFACES`.
        condition, rotation: of the quadratic; see `Quadratic`.

    Raises:
        CourseError: for another name.
    """
    check_choice("surface", name, tuple(SURFACES))
    return Quadratic(condition, rotation) if name == "quadratic" else SURFACES[name]()


class CurvatureAt:
    """What Newton's method asks a `Context` for, here of a surface at one point (2,)."""

    def __init__(self, surface: Surface, point: Tensor):
        self.H = surface.hessian(point)

    def hessian(self) -> Tensor:
        return self.H.clone()  # the caller adds its damping to it

    def hvp(self, v: Tensor) -> Tensor:
        return self.H @ v

    def gauss_newton(self, v: Tensor) -> Tensor:
        """Return |H| v, which drops the signs of the curvatures.

        A surface has no network and so no JᵀSJ; |H| makes the same promise, no negative curvature.

        Source: Dauphin et al. 2014.
        """
        values, vectors = torch.linalg.eigh(self.H)
        return vectors @ (values.abs() * (vectors.T @ v))


# ---- momentum on a bowl -------------------------------------------------------------------

FORMS = ("exponential average", "heavy ball")


def iteration_matrix(lr: float, beta: float, curvature: float, form: str) -> np.ndarray:
    """Return the map (v, w) → (v, w) of one step in a direction of this curvature: (2, 2)."""
    share = 1 - beta if form == "exponential average" else 1.0  # of g that enters v
    return np.array([[beta, share * curvature], [-lr * beta, 1 - lr * share * curvature]])


def eigenvalues(lr, beta, curvature, form: str) -> np.ndarray:
    """Return the two eigenvalues of `iteration_matrix`, complex: (2, …). Arrays broadcast."""
    share = 1 - beta if form == "exponential average" else 1.0
    trace = 1 + beta - lr * share * curvature
    root = np.sqrt(trace**2 - 4 * beta + 0j)
    return np.stack([(trace + root) / 2, (trace - root) / 2])


def spectral_radius(lr, beta, curvatures, form: str) -> np.ndarray:
    """Return ρ: the largest |eigenvalue| over all directions. lr and beta broadcast."""
    sizes = [np.abs(eigenvalues(lr, beta, curvature, form)).max(0) for curvature in curvatures]
    return np.max(sizes, axis=0)


def first_swing(beta, curvature, form: str):
    """Return the α above which a direction oscillates: complex or negative eigenvalues."""
    share = 1 - beta if form == "exponential average" else 1.0
    return (1 - np.sqrt(beta)) ** 2 / (share * curvature)


def limit(beta, curvature, form: str):
    """Return the α from which a direction diverges: ρ = 1."""
    share = 1 - beta if form == "exponential average" else 1.0
    return 2 * (1 + beta) / (share * curvature)


def behaviour(lr: float, beta: float, curvatures, form: str) -> str:
    """Return "monotone", "one direction oscillates", "both oscillate" or "diverges".

    On the limit itself ρ is 1, and a direction "swings for ever".
    """
    end = limit(beta, max(curvatures), form)
    if math.isclose(lr, end, rel_tol=1e-9):
        return "swings for ever"
    if lr > end:
        return "diverges"
    swings = sum(lr > first_swing(beta, curvature, form) for curvature in curvatures)
    return ("monotone", "one direction oscillates", "both oscillate")[swings]
