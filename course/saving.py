"""What a run needs to go on bit for bit: recipe, weights, buffers, row order, generators."""

import pickle
from typing import Any

import torch

from .chains import build_chain
from .errors import CourseError
from .history import History

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

    def recipe(self) -> dict:
        """What reproduces this run, as plain JSON values."""
        augment = self.batches.augment
        return {
            "data": self.data.name,
            "model": self.model.describe(),
            "chain": self.chain.describe(),
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "augment": augment and augment.describe(),
            "seed": self.seed,
            "step": self.step_count,
            "threshold": self.threshold,
            "threads": torch.get_num_threads(),
        }

    def state_dict(self) -> dict:
        """Everything a bit-identical continuation needs. Copies, so it stays as it is."""
        return {
            "recipe": self.recipe(),
            "theta": self.model.theta.clone(),
            "model": self.model.state(),
            "dropouts": [layer.p for layer in self.model.dropouts()],
            "transforms": self.chain.state(),
            "batches": self.batches.state_dict(),
            "history": self.history.state_dict(),
            "best": None if self.best is None else list(self.best),
        }

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
        recipe, mine = state["recipe"], self.recipe()
        saved, here = ((r["data"], signature(r["model"])) for r in (recipe, mine))
        if saved != here:
            raise CourseError(f"the state is for {saved}, this trainer is {here}; build that first")
        if state["theta"].shape != self.model.theta.shape:
            raise CourseError(f"the state has {len(state['theta'])} weights, the model "
                              f"{len(self.model.theta)}; build the same model first")  # fmt: skip
        chain = build_chain(recipe["chain"])
        self._init_chain(chain)
        chain.load_state(state["transforms"])
        history = History(self.model.theta.device, self.model.theta.dtype)
        history.load_state_dict(state["history"])
        self.batches.resize(self._check_batch(recipe["batch_size"]), self.model)
        self.batches.load_state_dict(state["batches"])
        self.model.theta.copy_(state["theta"])
        self.model.load_state(state["model"])
        for layer, p in zip(self.model.dropouts(), state["dropouts"], strict=True):
            layer.p = p
        self.chain, self.history = chain, history
        self.accumulate, self.threshold = recipe["accumulate"], recipe["threshold"]
        self.step_count, self.best = int(recipe["step"]), state["best"]

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
