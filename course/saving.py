"""What a run needs to go on bit for bit: settings, weights, buffers, row order, generators."""

import pickle
from typing import Any

import torch

from .chains import build_chain
from .errors import CourseError
from .history import History
from .knobs import set_augment, set_label_noise

ERRORS = (KeyError, TypeError, RuntimeError, AttributeError, ValueError, IndexError)


def signature(description):
    """A model's description without what may differ between two that fit the same state."""
    if isinstance(description, dict):
        loose = ("seed", "init", "dropout", "p")
        return {k: signature(v) for k, v in description.items() if k not in loose}
    return [signature(v) for v in description] if isinstance(description, list) else description


class Saving:
    """The part of `Trainer` that saves and loads."""

    model: Any
    data: Any
    chain: Any
    batches: Any
    history: Any
    best: Any
    batch_size: Any
    seed: Any
    _check_batch: Any
    _init_chain: Any
    label_noise: float

    def settings(self) -> dict:
        """Where the knobs stand, as plain JSON values."""
        augment = self.batches.augment
        return {
            "chain": self.chain.describe(),
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "augment": augment.describe() if augment else [],
            "label_noise": self.label_noise,
            "threshold": self.threshold,
            "dropouts": [layer.p for layer in self.model.dropouts()],
        }

    def snapshot(self) -> dict:
        """All that the next step depends on, copied; the history is not among it."""
        return {
            "for": [self.data.name, signature(self.model.describe())],
            "step": self.step_count,
            "settings": self.settings(),
            "theta": self.model.theta.clone(),
            "model": self.model.state(),
            "transforms": self.chain.state(),
            "batches": self.batches.state_dict(),
        }

    def restore(self, snapshot: dict) -> None:
        """Go back to a snapshot; the history is cut off there. One that does not fit raises."""
        mine = [self.data.name, signature(self.model.describe())]
        if list(snapshot["for"]) != mine:
            raise CourseError(
                f"the state is for {snapshot['for']}, this trainer is {mine}; build that first"
            )
        if snapshot["theta"].shape != self.model.theta.shape:
            raise CourseError(f"the state has {len(snapshot['theta'])} weights, the model "
                              f"{len(self.model.theta)}; build the same model first")  # fmt: skip
        settings = snapshot["settings"]
        chain = build_chain(settings["chain"])
        self._init_chain(chain)
        chain.load_state(snapshot["transforms"])
        self.batches.resize(self._check_batch(settings["batch_size"]), self.model)
        self.batches.load_state_dict(snapshot["batches"])
        set_augment(self, settings["augment"])
        if settings["label_noise"] != self.label_noise:
            set_label_noise(self, settings["label_noise"])
        self.model.theta.copy_(snapshot["theta"])
        self.model.load_state(snapshot["model"])
        for layer, p in zip(self.model.dropouts(), settings["dropouts"], strict=True):
            layer.p = p
        self.chain = chain
        self.accumulate, self.threshold = settings["accumulate"], settings["threshold"]
        self.step_count = int(snapshot["step"])
        self.history.cut(self.step_count)

    def state_dict(self) -> dict:
        """Everything a bit-identical continuation needs. Copies, so it stays as it is."""
        best = None if self.best is None else list(self.best)
        return {"run": self.snapshot(), "history": self.history.state_dict(), "best": best}

    def load_state_dict(self, state: dict) -> None:
        """Go back to a saved state. A state that does not fit raises; nothing changes."""
        before = self.state_dict()
        try:
            self._load(state)
        except ERRORS as error:
            self._load(before)
            if isinstance(error, CourseError):
                raise
            raise CourseError(f"the state is not a Trainer's ({error!r}); save one anew") from error

    def _load(self, state: dict) -> None:
        history = History(self.model.theta.device, self.model.theta.dtype)
        history.load_state_dict(state["history"])
        self.restore(state["run"])
        self.history, self.best = history, state["best"]

    def save(self, path) -> None:
        torch.save(self.state_dict(), path)

    def load(self, path) -> None:
        """Load what `save` wrote. A missing or corrupt file raises `CourseError`."""
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
        except FileNotFoundError:
            raise CourseError(f"there is no state file {str(path)!r}; save one first") from None
        except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError) as error:
            raise CourseError(
                f"{str(path)!r} is not a readable state file ({type(error).__name__}); save it anew"
            ) from error
        self.load_state_dict(state)
