"""Long series for small plots: means and extremes over bins that never move.

A bin is a power of two of steps wide; when there are too many, two neighbours become one. So what
has been drawn stays where it is until all bins double at once, and a single wild step stays visible
in the maximum of its bin.
"""

from collections.abc import Callable
from typing import Self

import numpy as np

from course.training.history import COLUMNS

MOST = 256  # bins


class Bins:
    """Mean, minimum and maximum of each column over bins of steps; only new rows are read.

    Args:
        columns: turns rows of a table into the columns to be binned, (n, …) → (n, columns).
        most: bins at most; they double in width when there are more.

    Attributes:
        width: steps a bin.
        steps: rows read so far.
        means, lows, highs: (bins, columns).
    """

    def __init__(self, columns: Callable[[np.ndarray], np.ndarray], most: int = MOST):
        self.columns, self.most = columns, most
        self._clear()

    def _clear(self) -> None:
        self.width, self.steps = 1, 0
        self._means: np.ndarray | None = None
        self._sums = self._lows = self._highs = self.columns(np.empty((0, len(COLUMNS))))

    def read(self, table: np.ndarray) -> Self:
        """Take in the rows that are new in `table` (steps, …); start again if it is shorter."""
        if len(table) < self.steps:
            self._clear()
        while len(table) > self.width * self.most:
            self.width *= 2
            self._halve()
        begin = self.steps // self.width * self.width  # the last bin may not have been full
        done = begin // self.width
        fresh, edges = self.columns(table[begin:]), np.arange(0, len(table) - begin, self.width)
        if len(edges):
            self._sums = np.concatenate([self._sums[:done], np.add.reduceat(fresh, edges)])
            self._lows = np.concatenate([self._lows[:done], np.minimum.reduceat(fresh, edges)])
            self._highs = np.concatenate([self._highs[:done], np.maximum.reduceat(fresh, edges)])
        self.steps, self._means = len(table), None
        return self

    def _halve(self) -> None:
        """Join each two neighbours; a last one without a neighbour is read again."""
        n = len(self._sums) // 2 * 2
        self.steps = min(self.steps, n * self.width // 2)
        self._sums = self._sums[:n:2] + self._sums[1:n:2]
        self._lows = np.minimum(self._lows[:n:2], self._lows[1:n:2])
        self._highs = np.maximum(self._highs[:n:2], self._highs[1:n:2])

    @property
    def x(self) -> list[float]:
        """[place of the first bin, distance of two], as `x` of a layer: the middle of a bin."""
        return [(self.width + 1) / 2, self.width]

    @property
    def lows(self) -> np.ndarray:
        return self._lows

    @property
    def highs(self) -> np.ndarray:
        return self._highs

    @property
    def means(self) -> np.ndarray:
        if self._means is None:  # read more than once for each picture
            counts = np.full(len(self._sums), self.width)
            if len(counts):
                counts[-1] = self.steps - self.width * (len(counts) - 1)
            self._means = self._sums / counts[:, None]
        return self._means
