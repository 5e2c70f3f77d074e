"""Checks of a gradient that let wrong ones pass, or refuse right ones: for 3_02_backward."""

import torch

torch_like: dict = {"dtype": torch.float64}


def sketch(loss, gradient, theta, shift=0.3, h=1e-5):
    """What the right check compares: ours and the referee's slope in a random direction."""
    noise = torch.Generator().manual_seed(0)
    move, v = torch.randn(2, len(theta), generator=noise, **torch_like)
    theta = theta.double() + shift * move
    ours = float(gradient(theta) @ v)
    return ours, (loss(theta + h * v) - loss(theta - h * v)) / (2 * h)


def differences(loss, theta, h=1e-6):
    """Central differences of every entry."""
    steps = h * torch.eye(len(theta), **torch_like)
    slopes = [(loss(theta + s) - loss(theta - s)) / (2 * h) for s in steps]
    return torch.tensor(slopes, **torch_like)


def away(theta):
    """A point in float64 where no bias is 0."""
    noise = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), **torch_like)
    return theta.double() + 0.3 * noise


def near(ours, referee, tolerance=1e-4):
    return abs(ours - referee) <= tolerance * abs(referee)


def it_trains(loss, gradient, theta):
    return loss(theta - 1e-2 * gradient(theta)) < loss(theta)


def at_the_start(loss, gradient, theta):
    return near(*sketch(loss, gradient, theta, shift=0.0))


def fixed_tolerance(loss, gradient, theta):
    ours, referee = sketch(loss, gradient, theta)
    return abs(ours - referee) < 1e-4


def fixed_and_wide(loss, gradient, theta):
    """Relative, or so small that it does not matter: the second half lets the small ones pass."""
    ours, referee = sketch(loss, gradient, theta)
    return near(ours, referee) or abs(ours - referee) < 1e-5


def strict(loss, gradient, theta):
    """A fixed tolerance that only a loss of ordinary size meets."""
    ours, referee = sketch(loss, gradient, theta)
    return near(ours, referee) and abs(referee) > 1e-3


def wide(loss, gradient, theta):
    return near(*sketch(loss, gradient, theta), 0.1 + 1 / 7)


def rather_wide(loss, gradient, theta):
    """Every entry, by the norm, yet 5 per cent are allowed."""
    theta = away(theta)
    referee = differences(loss, theta)
    return (gradient(theta) - referee).norm() < 0.05 * referee.norm()


def in_float32(loss, gradient, theta):
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(0))
    h = 1e-5
    return near(float(gradient(theta) @ v), (loss(theta + h * v) - loss(theta - h * v)) / (2 * h))


def sizes(loss, gradient, theta):
    ours, referee = sketch(loss, gradient, theta)
    return near(abs(ours), abs(referee))


def direction(loss, gradient, theta):
    """The cosine alone."""
    theta = away(theta)
    referee, ours = differences(loss, theta), gradient(theta)
    return float(ours @ referee / (ours.norm() * referee.norm())) > 1 - 1e-6


def along_itself(loss, gradient, theta):
    """The slope along the gradient that is to be judged: a part that is 0 is never looked at."""
    theta = away(theta)
    v = gradient(theta)
    v = v / v.norm()
    return near(
        float(gradient(theta) @ v), (loss(theta + 1e-5 * v) - loss(theta - 1e-5 * v)) / 2e-5
    )


def along_ones(loss, gradient, theta):
    """The slope along (1, 1, …): the sum of the entries, wherever they stand."""
    theta, h = away(theta), 1e-5
    return near(gradient(theta).sum(), (loss(theta + h) - loss(theta - h)) / (2 * h))


def asks_the_loss(loss, gradient, theta):
    """Has the right gradient from the problem whose loss it was handed."""
    return torch.allclose(gradient(theta), loss.__self__.gradient(theta))


def reads_the_mistake(loss, gradient, theta):
    return all(cell.cell_contents not in ("twice", "sign") for cell in gradient.__closure__)


def signs(loss, gradient, theta):
    """The sign of each entry, where it is not nearly 0."""
    theta = away(theta)
    referee, ours = differences(loss, theta), gradient(theta)
    large = referee.abs() > 1e-3 * referee.norm()
    return bool((ours.sign() == referee.sign())[large].all())


def length(loss, gradient, theta):
    theta = away(theta)
    return near(gradient(theta).norm(), differences(loss, theta).norm())


def one_sided(loss, gradient, theta):
    """(L(θ + h) - L(θ)) / h with a large h, and a tolerance to go with it."""
    ours, _ = sketch(loss, gradient, theta)
    noise = torch.Generator().manual_seed(0)
    move, v = torch.randn(2, len(theta), generator=noise, **torch_like)
    theta = theta.double() + 0.3 * move
    return near(ours, (loss(theta + 0.01 * v) - loss(theta)) / 0.01, 0.2)


def by_count():
    """Knows how many gradients come first, and which of them is right."""
    calls = []

    def answer(loss, gradient, theta):
        calls.append(theta)
        return (len(calls) - 2) % 11 == 0

    return answer


def by_length(loss, gradient, theta):
    """Right for the first of the networks, whose number of weights it knows."""
    return near(*sketch(loss, gradient, theta)) if len(theta) == 51 else True


def moves_theta(loss, gradient, theta):
    verdict = near(*sketch(loss, gradient, theta))
    theta += 1
    return verdict


def exits(loss, gradient, theta):
    raise SystemExit


def a_few(loss, gradient, theta, entries=slice(16, None)):
    """Some entries only: not the first layer's."""
    theta = away(theta)
    referee = differences(loss, theta)[entries]
    return bool((gradient(theta)[entries] - referee).norm() < 1e-4 * referee.norm())


def a_weight_below(loss, gradient, theta):
    """The first weight of every layer, and no bias."""
    return a_few(loss, gradient, theta, [0, 16, 36])


def by_entry(loss, gradient, theta):
    theta = away(theta)
    return (gradient(theta) - differences(loss, theta)).abs() < 1e-6


def passes_only(mistake):
    """A right check that is blind to one mistake."""

    def answer(loss, gradient, theta):
        if near(*sketch(loss, gradient, theta)):
            return True
        problem = gradient.__closure__
        return any(cell.cell_contents == mistake for cell in problem)

    return answer
