"""One local file of what a learner has predicted: how well do I know what will happen?

    predictions = Predictions()
    predictions.predict("3_04", "loss after 300 steps", guess=0.3, result=0.21)
    predictions.calibration()

The file is `progress.json` in the folder $TRAINING_AT_SCALE_HOME, else ~/.training-at-scale. It
never leaves the machine. Several kernels may write at once: each reads, adds and replaces under a
lock, which the system releases when a process dies. A damaged file is kept beside the new one,
with a warning; a single entry that cannot be understood stays in the file and counts for nothing.
"""

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import CourseError
from ..files import write_bytes
from .guesses import (
    DIGITS,
    as_json,
    check_guess,
    kind_of,
    miss,
    number_in,
    shown,
)

HOME = "TRAINING_AT_SCALE_HOME"
SCHEMA = 1
PATIENCE = 10.0  # seconds to wait for another process that writes


class Damaged(ValueError):
    """The file holds no list of predictions."""


class Predictions:
    """A learner's predictions, in a file.

    Args:
        path: of the file; None: the usual one.

    Attributes:
        saved: all that the file holds.
        entries: its predictions, as far as they can be understood.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = Path(path) if path is not None else _home() / "progress.json"
        self.saved: dict = {}
        try:
            self.saved = self._read()
        except Damaged:
            try:
                with self._locked():
                    self.saved = self._read_or_set_aside()
            except CourseError as error:
                warnings.warn(str(error), stacklevel=2)
        except OSError as error:
            warnings.warn(f"{str(self.path)!r} cannot be read ({error})", stacklevel=2)

    @property
    def entries(self) -> list[dict]:
        return _understood(self.saved)

    def predict(self, chapter: str, question: str, guess, result) -> dict:
        """Note a guess and what came out; return the entry, `miss` among it.

        Args:
            chapter: the chapter's number, as "3_04".
            question: in words.
            guess: a number, a choice, (low, high) for a number, or a curve [[x, y], …].
            result: what came out, of the same kind.

        Raises:
            CourseError: and notes nothing, for a guess that makes no sense, a file that cannot be
                written, or one that a newer release has written.
        """
        entry = {
            "chapter": str(chapter), "question": str(question), "guess": check_guess(guess),
            "result": as_json(result), "miss": miss(guess, result),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        self.change(lambda saved: saved["predictions"].append(entry))
        return entry

    def change(self, act: Callable[[dict], object]) -> None:
        """Change what the file holds; it is replaced whole.

        Args:
            act: changes the dict that it is given: the file as it is now.

        Raises:
            CourseError: for a file that cannot be written, or one that a newer release has
                written; it stays as it is.
        """
        with self._locked():
            saved = self._read_or_set_aside()
            if saved.get("schema", SCHEMA) != SCHEMA:
                raise CourseError(
                    f"{str(self.path)!r} has schema {shown(saved['schema'])}, this release writes "
                    f"{SCHEMA}; update the course, or set ${HOME} to another folder"
                )
            act(saved)
            write_bytes(json.dumps(saved).encode(), self.path)
        self.saved = saved

    def calibration(self) -> dict[str, float]:
        """Count the guesses; add the share of intervals and choices that held, the median factor.

        Of intervals meant to hold 80 times in 100, about 80 in 100 should.
        """
        kinds: dict[str, list[float]] = {"interval": [], "choice": [], "factor": []}
        for entry in self.entries:
            if entry["miss"] is not None:
                kinds[kind_of(entry["guess"])].append(entry["miss"])
        summary: dict[str, float] = {"guesses": len(self.entries)}
        for kind in ("interval", "choice"):
            if kinds[kind]:
                summary[f"{kind}s held"] = sum(m == 0 for m in kinds[kind]) / len(kinds[kind])
        if kinds["factor"]:
            summary["median factor"] = sorted(kinds["factor"])[len(kinds["factor"]) // 2]
        return summary

    # ---- the file -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from writing; what the system refuses becomes `CourseError`.

        A lock that a dead process left is free.
        """
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(lock).acquire(timeout=PATIENCE, poll_interval=0.01):
                yield
        except Timeout as error:
            raise CourseError(
                f"{str(self.path)!r} is being written by another program for more than "
                f"{PATIENCE:g} s; close that one, then try again"
            ) from error
        except CourseError:
            raise
        except (OSError, ValueError, RecursionError, NotImplementedError) as error:
            raise CourseError(
                f"{str(self.path)!r} cannot be written ({error}); set ${HOME} to a folder of yours"
            ) from error

    def _read(self) -> dict:
        """Return what the file holds; an empty list of predictions if there is no file yet."""
        try:
            saved = json.loads(self.path.read_bytes().decode(), parse_int=_whole)
        except (FileNotFoundError, NotADirectoryError):
            return {"schema": SCHEMA, "predictions": []}
        except (ValueError, RecursionError) as error:
            raise Damaged(str(error)) from error
        if not isinstance(saved, dict):
            raise Damaged(f"a {type(saved).__name__} in place of an object")
        if saved.get("schema", SCHEMA) == SCHEMA and not isinstance(saved.get("predictions"), list):
            raise Damaged("no list of predictions")
        return saved

    def _read_or_set_aside(self) -> dict:
        """Read under the lock; rename a damaged file to a name that is still free."""
        try:
            return self._read()
        except Damaged as error:
            names = (f".damaged{n}.json" for n in ("", *(f"-{k}" for k in range(2, 10_000))))
            copy = next(p for name in names if not (p := self.path.with_suffix(name)).exists())
            self.path.rename(copy)
            warnings.warn(f"{self.path} cannot be read ({error}); kept as {copy}", stacklevel=4)
            return {"schema": SCHEMA, "predictions": []}


def _home() -> Path:
    try:
        return Path(os.environ.get(HOME) or Path.home() / ".training-at-scale")
    except RuntimeError as error:
        raise CourseError(f"no home folder is known ({error}); set ${HOME} to a folder") from error


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else digits


def _understood(saved: dict) -> list[dict]:
    entries = saved.get("predictions")
    return [e for e in entries if _is_entry(e)] if isinstance(entries, list) else []


def _is_entry(entry) -> bool:
    if not (isinstance(entry, dict) and {"question", "guess", "result", "miss"} <= entry.keys()):
        return False
    try:
        check_guess(entry["guess"])
    except CourseError:
        return False
    off = entry["miss"]
    return off is None or (number_in(off) is not None and off >= 0)
