"""Pipeline parallel: each rank has some of the layers, and micro-batches go through them.

Activations go up from stage to stage, their gradients come down. A stage's gradient is the sum over
the micro-batches; nothing is averaged. Which rank does what, and when, is the schedule's choice
(see `schedules`); the numbers do not depend on it.

Source: Huang et al. (2019); Narayanan et al. (2021).
"""

from itertools import pairwise

import torch
from torch import Tensor

from ..errors import CourseError, shown
from ..nn.layers import Layer, Workspace
from ..nn.network import Network
from ..nn.stack import Stack, arrange
from .communicator import Communicator, cuts
from .dropout_masks import draw_masks, dropout_widths, masked
from .schedules import Action, make_schedule, micro_name
from .strategy import Cut
from .work import Work, pieces


class Stage:
    """Some layers in a row, and the memory of the micro-batches that are in flight.

    Args:
        layers: of this stage.
        n: the width of its input.
        theta, grad: the part of the rank's weights and of its gradient that is the stage's.
        work: of these layers, see `work_of`.
        is_first: whether its input is data, so that nobody needs a gradient by it.
    """

    def __init__(
        self, layers: list[Layer], n: int, theta: Tensor, grad: Tensor, work: list[Work],
        is_first: bool,
    ):  # fmt: skip
        self.stack, self.n, self.theta, self.is_first = Stack(*layers), n, theta, is_first
        self.work = Work(*(sum(numbers) for numbers in zip(*work, strict=True)))
        self.total, self.grad = grad, torch.empty_like(grad)  # each backward fills it
        self.stack.bind(pieces(self.stack, n, theta), pieces(self.stack, n, self.grad))
        self.flight: dict[int, list[Workspace]] = {}  # micro-batch: its arrays
        self.free: dict[int, list[list[Workspace]]] = {}  # rows: arrays not in use

    def begin(self, micro: int, rows: int) -> list[Workspace]:
        """Return arrays for a micro-batch."""
        kept = self.free.setdefault(rows, [])
        if not kept:
            below = Workspace()
            below.x1, below.training = self.theta.new_ones(self.n + 1, rows), True
            kept.append(arrange(self.stack.layers, below, with_dx=not self.is_first))
        self.flight[micro] = kept.pop()
        return self.flight[micro]

    def end(self, micro: int) -> None:
        """Add the gradient of a micro-batch to the stage's, and give its arrays back."""
        self.total += self.grad
        spaces = self.flight.pop(micro)
        self.free[spaces[0].x1.shape[1]].append(spaces)


class Pipeline(Cut):
    """A network whose layers are cut into stages.

    Args:
        comm, network: see `Strategy`.
        micro_batches: into how many equal parts each batch is cut.
        schedule: 'gpipe', '1f1b', 'interleaved' or 'zero_bubble'.
        chunks: stages a rank; more than 1 only if interleaved.
        starts: the layer with weights, counted from 0, that begins each stage, as [0, 2, 5];
            default: equally many in each.

    Raises:
        CourseError: for a network with fewer layers with weights than stages, and for numbers that
            do not fit.
    """

    name = "pipeline parallel"

    def __init__(
        self, comm: Communicator, network: Network, micro_batches: int = 4,
        schedule: str = "1f1b", chunks: int = 1, starts: list[int] | None = None,
    ):  # fmt: skip
        super().__init__(comm, network)
        network = self.network  # a copy
        plan = make_schedule(schedule, comm.world_size, micro_batches, chunks)
        self.actions, self.micro_batches = plan[comm.rank], int(micro_batches)
        chunks = int(chunks)
        self.mine = range(comm.rank, comm.world_size * chunks, comm.world_size)
        self.last = comm.world_size * chunks - 1
        cut = cut_into_stages(self.spans, self.last + 1, starts)
        places = [self.spans[part] for part in cut]
        self.places = [slice(place[0].start, place[-1].stop) for place in places]
        self.theta = self.part(network.theta)
        self.grad = torch.zeros_like(self.theta)
        sizes = [self.places[s].stop - self.places[s].start for s in self.mine]
        parts = zip(self.mine, self.theta.split(sizes), self.grad.split(sizes), strict=True)
        self.stages = [
            Stage(network.layers[cut[s]], self.widths[cut[s].start], theta, grad,
                  self.work[cut[s]], s == 0)
            for s, theta, grad in parts
        ]  # fmt: skip
        before = [dropout_widths(network.layers[: part.start], network.features) for part in cut]
        self.dropouts_before = [len(found) for found in before]
        network.theta = network.grad = network.theta.new_empty(0)

    def check_rows(self, n: int, batch: int) -> None:
        """Raise `CourseError` unless n rows can be cut into equal micro-batches."""
        if n % self.micro_batches:
            raise CourseError(
                f"a batch of {n} rows cannot be cut into {self.micro_batches} equal "
                f"micro-batches; take a number of micro-batches that divides {n}"
            )

    def loss_and_grad(self, X: Tensor, Y: Tensor, denominator: int | None = None) -> Tensor:
        return self.loss_of_rows(X, Y, denominator or len(X), slice(0, len(X)), len(X))

    def loss_of_rows(self, X: Tensor, Y: Tensor, denominator: int, rows: slice, n: int) -> Tensor:
        """Do `loss_and_grad` for X and Y, which are the rows `rows` of a batch of n."""
        m = self.micro_batches
        self.check_rows(len(X), n)
        self.X, self.Y, self.denominator = X, Y, denominator
        self.rows, self.first_row = cuts(len(X), m), rows.start
        self.masks = draw_masks(self.network, self.dropout_widths, n)
        self.loss_sum = X.new_zeros(1)
        self.grad.zero_()
        work = {"F": self._forward, "B": self._backward, "I": self._input, "W": self._weights}
        for action in self.actions:
            work[action.kind](action)
        return self.comm.all_reduce(self.loss_sum, "loss")[0]

    # ---- the work of one micro-batch ----------------------------------------------------------

    def _forward(self, action: Action) -> None:
        stage, s, micro = self.stages[action.chunk], self.mine[action.chunk], action.micro
        rows = self.rows[micro]
        spaces = stage.begin(micro, rows.stop - rows.start)
        if s == 0:
            self.network.feed(spaces, self.X[rows])
        else:
            self._recv(spaces[0].x, s, micro, "activations")
        dropouts, first = stage.stack.dropouts(), self.dropouts_before[s]
        in_batch = slice(self.first_row + rows.start, self.first_row + rows.stop)
        with masked(dropouts, self.masks[first : first + len(dropouts)], in_batch):
            stage.stack.forward_through(spaces)
        self._note("forward", stage.work.forward, action)
        if s < self.last:
            self._send(spaces[-1].a, s + 1, micro, "activations")
        else:
            Y = self.Y[:, rows].contiguous()
            self.loss_sum += self.network.loss(spaces[-1].a, Y, spaces[-1].da, self.denominator)

    def _backward(self, action: Action) -> None:
        """Do both gradients; then the one by the stage's input goes down."""
        self._by_input(action)
        self._by_weights(action)
        self._send_down(action)
        self.stages[action.chunk].end(action.micro)

    def _input(self, action: Action) -> None:
        """Send the gradient by the stage's input down as early as can be."""
        self._by_input(action)
        self._send_down(action)

    def _weights(self, action: Action) -> None:
        self._by_weights(action)
        self.stages[action.chunk].end(action.micro)

    def _by_input(self, action: Action) -> None:
        stage, s, micro = self.stages[action.chunk], self.mine[action.chunk], action.micro
        spaces = stage.flight[micro]
        if s < self.last:
            self._recv(spaces[-1].da, s, micro, "gradients")
        stage.stack.backward_input_through(spaces)
        self._note("input gradient", stage.work.by_input, action)

    def _by_weights(self, action: Action) -> None:
        stage = self.stages[action.chunk]
        stage.stack.backward_weights_through(stage.flight[action.micro])
        self._note("weight gradient", stage.work.by_weights, action)

    def _send_down(self, action: Action) -> None:
        stage, s, micro = self.stages[action.chunk], self.mine[action.chunk], action.micro
        if s > 0:
            self._send(stage.flight[micro][0].dx, s - 1, micro, "gradients")

    def _note(self, what: str, flops: int, action: Action) -> None:
        rows = self.rows[action.micro]
        name = micro_name(action.micro, action.chunk, len(self.stages))
        self.comm.compute(f"{what} {name}", flops * (rows.stop - rows.start))

    # ---- messages -----------------------------------------------------------------------------

    def _send(self, x: Tensor, to: int, micro: int, what: str) -> None:
        """Send activations to the stage above, or gradients to the stage below."""
        tag = 2 * (to * self.micro_batches + micro) + (what == "gradients")
        self.comm.send(x, to % self.comm.world_size, f"{what} {micro}", tag)

    def _recv(self, x: Tensor, s: int, micro: int, what: str) -> None:
        """Receive for stage s: activations from below, or gradients from above."""
        source = s - 1 if what == "activations" else s + 1
        tag = 2 * (s * self.micro_batches + micro) + (what == "gradients")
        self.comm.recv(x, source % self.comm.world_size, f"{what} {micro}", tag)

    def part(self, whole: Tensor) -> Tensor:
        return torch.cat([whole[self.places[s]] for s in self.mine])

    def whole(self, vector: Tensor) -> Tensor:
        whole = vector.new_zeros(self.places[-1].stop)
        sizes = [self.places[s].stop - self.places[s].start for s in self.mine]
        for s, part in zip(self.mine, vector.split(sizes), strict=True):
            whole[self.places[s]] = part
        return self.comm.all_reduce(whole, "whole")


def cut_into_stages(spans: list[slice], count: int, starts: list[int] | None = None) -> list[slice]:
    """Cut the layers into stages; by default with equally many that have weights, or one more.

    Args:
        spans: where the weights of each layer lie.
        count: of stages.
        starts: see `Pipeline`.

    Raises:
        CourseError: for a network with fewer such layers than stages, and for other starts.
    """
    heavy = [i for i, span in enumerate(spans) if span.stop > span.start]
    if len(heavy) < count:
        raise CourseError(
            f"a network of {len(heavy)} layer{'s' * (len(heavy) != 1)} with weights cannot be cut "
            f"into {count} stages; take at most {len(heavy)}, or a deeper network"
        )
    if starts is None:
        starts = [part.start for part in cuts(len(heavy), count)]
    check_starts(starts, count, len(heavy))
    begins = [0, *(heavy[start] for start in starts[1:])]
    return [slice(a, b) for a, b in zip(begins, [*begins[1:], len(spans)], strict=True)]


def check_starts(starts: list[int], count: int, layers: int) -> None:
    """Raise `CourseError` unless these layers can begin so many stages."""
    whole = isinstance(starts, list) and all(type(start) is int for start in starts)
    rising = whole and all(a < b for a, b in pairwise([*starts, layers]))
    if not rising or len(starts) != count or starts[0] != 0:
        raise CourseError(
            f"starts = {shown(starts)}; allowed: {count} rising whole numbers, the first 0, the "
            f"last below {layers}, as the layer that begins each stage"
        )
