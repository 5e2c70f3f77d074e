"""One local file of what a learner has predicted: how well do I know what will happen?

    progress = Progress()
    progress.predict("3_04", "loss after 300 steps", guess=0.3, result=0.21)
    progress.calibration()

The file is `progress.json` in the folder $TRAINING_AT_SCALE_HOME, else ~/.training-at-scale. It
never leaves the machine. A damaged file is kept beside the new one, with a warning.
"""

import json
import math
import os
import warnings
from datetime import UTC, datetime
from pathlib import Path

from .errors import CourseError

HOME = "TRAINING_AT_SCALE_HOME"


class Progress:
    """Predictions, in a file. path: another file than the usual one."""

    def __init__(self, path: str | Path | None = None):
        home = Path(os.environ.get(HOME) or Path.home() / ".training-at-scale")
        self.path = Path(path) if path is not None else home / "progress.json"
        self.predictions: list[dict] = self._read()

    def _read(self) -> list[dict]:
        try:
            saved = json.loads(self.path.read_text("utf-8"))["predictions"]
            if not all(isinstance(entry, dict) and "question" in entry for entry in saved):
                raise ValueError("no list of predictions")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            kept = self.path.with_suffix(".damaged.json")
            if self.path.exists():
                self.path.replace(kept)
            warnings.warn(f"{self.path} cannot be read ({error}); kept as {kept}", stacklevel=3)
            return []
        return saved

    def predict(self, chapter: str, question: str, guess, result) -> dict:
        """Note a guess and what came out; returns the entry, `miss` among it.

        guess: a number, a choice, (low, high) for a number, or a curve [[x, y], …] whose miss
        against the curve `result` is a factor (see `curve_miss`). The file is replaced whole.
        """
        entry = {
            "chapter": chapter, "question": question, "guess": guess, "result": result,
            "miss": miss(guess, result),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        self.predictions.append(entry)
        self._write()
        return entry

    def _write(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(".new")
            text = json.dumps({"schema": 1, "predictions": self.predictions}, ensure_ascii=False)
            new.write_text(text, "utf-8")
            new.replace(self.path)
        except OSError as error:
            raise CourseError(
                f"{str(self.path)!r} cannot be written ({error}); set ${HOME} to a folder of yours"
            ) from error

    def calibration(self) -> dict[str, float]:
        """How many guesses, the share of intervals and of choices that held, the median factor.

        Of intervals meant to hold 80 times in 100, about 80 in 100 should.
        """
        kinds: dict[str, list[float]] = {"interval": [], "choice": [], "factor": []}
        for entry in self.predictions:
            if entry["miss"] is not None:
                kinds[kind_of(entry["guess"])].append(entry["miss"])
        made: dict[str, float] = {"guesses": len(self.predictions)}
        for kind in ("interval", "choice"):
            if kinds[kind]:
                made[f"{kind}s held"] = sum(m == 0 for m in kinds[kind]) / len(kinds[kind])
        if kinds["factor"]:
            made["median factor"] = sorted(kinds["factor"])[len(kinds["factor"]) // 2]
        return made


def bet(chapter: str, question: str, guess, result) -> None:
    """Say how far a guess was off, and note it in the progress file. A guess of None: no bet.

    guess, result: as in `Progress.predict`.
    """
    if guess is None:
        print("No bet placed. It still counts to be surprised.")
        return
    off = Progress().predict(chapter, question, guess, result)["miss"]
    verdicts = {
        "choice": ("well seen!", "worth finding out why."),
        "interval": ("inside your interval.", "outside your interval."),
        "factor": ("well seen!", "worth finding out why."),
    }
    kind = kind_of(guess)
    near = off is not None and off <= (1.25 if kind == "factor" else 0)
    shown = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in (guess, result)]
    print(f"Your bet {shown[0]}, the experiment says {shown[1]}: {verdicts[kind][not near]}")


def kind_of(guess) -> str:
    if isinstance(guess, str | bool):
        return "choice"
    pair = isinstance(guess, list | tuple) and len(guess) == 2
    return "interval" if pair and not isinstance(guess[0], list | tuple) else "factor"


def miss(guess, result) -> float | None:
    """How far off: 0 for a choice or an interval that held, 1 for a choice that did not, the
    distance to an interval; for numbers and curves a factor from 1 up. None: not comparable."""
    kind = kind_of(guess)
    if kind == "choice":
        return float(guess != result)
    if kind == "interval":
        low, high = sorted(guess)
        return max(low - result, 0.0, result - high)
    if isinstance(guess, list | tuple):
        return curve_miss(guess, result)
    if guess == result:
        return 1.0
    if not (guess > 0 and result > 0):
        return None
    return math.exp(abs(math.log(guess / result)))


def curve_miss(guess, result) -> float | None:
    """exp of the mean |log(guess / result)|, over the result's points that the guess spans.

    1 is perfect, 2 off by a factor of two on the average. Both are [[x, y], …] with rising x.
    """
    distances = []
    for x, y in result:
        at = next((i for i in range(1, len(guess)) if guess[i - 1][0] <= x <= guess[i][0]), None)
        if at is None or not (y > 0 and math.isfinite(y)):
            continue
        (x0, y0), (x1, y1) = guess[at - 1], guess[at]
        share = (x - x0) / (x1 - x0) if x1 > x0 else 0.0
        distances.append(abs((1 - share) * math.log(y0) + share * math.log(y1) - math.log(y)))
    return math.exp(sum(distances) / len(distances)) if distances else None
