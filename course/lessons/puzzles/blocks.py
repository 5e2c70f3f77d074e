"""A puzzle on tensor parallel: which matrices are cut by columns, which by rows."""

from itertools import product
from typing import Any

from ...errors import CourseError, shown
from ...nn.layers import Layer, Linear
from ...parallel.cut_layers import ColumnLinear
from ...parallel.in_turn import Costs
from ...parallel.tensor_parallel import TensorParallel
from .puzzle import Best, Puzzle, Score, Targets, fastest_within
from .scene import Scene

SCENE = Scene((64, 32, 256, 32, 256, 32, 16, 10), 32, 4, Costs(2e-6, 2e8, 1e10))
LAYERS = len(SCENE.sizes) - 1


class OwnBlocks(TensorParallel):
    """Tensor parallel in which one is told which matrix is cut by rows.

    Args:
        comm, network: see `Strategy`.
        cut: a letter for each matrix, 'C' by columns or 'R' by rows.
    """

    def __init__(self, comm, network, cut: str):
        self.letters = cut
        super().__init__(comm, network)

    def _column(self, layer: Linear, n: int, above: list[Layer], samples: bool) -> ColumnLinear:
        column = super()._column(layer, n, above, samples)
        at = LAYERS - 1 - sum(isinstance(one, Linear) for one in above)
        column.gather = self.letters[at + 1 : at + 2] != "R"
        return column


def read(answer: Any) -> str:
    """Return the letters of an answer, or raise `CourseError`."""
    if not isinstance(answer, str) or len(answer) != LAYERS or set(answer) - {"C", "R"}:
        raise CourseError(
            f"The answer is a text of {LAYERS} letters, C or R, one for each matrix; this is "
            f"{shown(answer)}."
        )
    if answer[0] == "R" or "RR" in answer:
        at = 0 if answer[0] == "R" else answer.index("RR") + 1
        raise CourseError(
            f"Matrix {at + 1} is cut by rows: each rank then needs only its part of the inputs. "
            "They must come from a matrix that is cut by columns, just below."
        )
    return answer


def run(answer: Any) -> Score:
    """Return what an answer takes."""
    letters = read(answer)
    return SCENE.own(lambda comm, network: OwnBlocks(comm, network, letters))


def knows(answer: Any, score: Score) -> str | None:
    """Remark on cutting without pairs, and on pairs around wide vectors."""
    letters = read(answer)
    if "R" not in letters:
        return "Each matrix by columns: after each of them the outputs are gathered on all ranks."
    sums = [str(SCENE.sizes[i + 1]) for i, letter in enumerate(letters) if letter == "R"]
    return f"The vectors that are summed after a pair have {', '.join(sums)} numbers a row."


def search(n_bytes: int) -> Best:
    """Return the best of all possible letters."""
    found = []
    for letters in map("".join, product("CR", repeat=LAYERS)):
        if letters[0] == "C" and "RR" not in letters:
            found.append((letters, run(letters)))
    letters, score = fastest_within(n_bytes, found)
    return Best(repr(letters), score)


targets = Targets(700e-6, 300_000)
blocks = Puzzle(
    13, "Columns and rows",
    "Tensor parallel. A matrix may be cut by columns (C: each rank computes some units) or by rows "
    "(R: each rank has some inputs, and the outputs are summed). R must follow C: then the two are "
    "a block, and nothing is sent between them. After a C without an R the outputs are gathered."
    f"\n\n{SCENE.words()}\n\n*Answer*: `puzzle(13).check(\"{'C' * LAYERS}\")`, a letter for each "
    "matrix, from the first to the last.",
    run, targets,
    [
        "Where does data cross between ranks: between the matrices of a block, or around it?",
        "Inside a block a vector of any width stays at home. Around it, it is sent, forward and "
        "backward. So which vectors should be inside?",
        "The vectors with 256 numbers. The matrix below each of them is a C, the one above an R.",
    ],
    lambda: search(targets.n_bytes), knows,
)  # fmt: skip
