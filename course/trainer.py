"""The training loop: gather a batch, forward, loss, backward, transform, move, record.

The trainer knows no screen. A knob may change between any two steps and nothing resets. The same
recipe gives the same bits on a CPU with the same torch build and thread count.
"""

import pickle
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from .data import Dataset
from .errors import CourseError, check_choice, check_count
from .history import History
from .model import MLP, targets, with_ones
from .transforms import Chain, ClipByNorm, ClipByValue, Descend, HeavyBall, Momentum, build_chain

CLIPS = {"value": ClipByValue, "norm": ClipByNorm}  # and "off"


def available_devices() -> list[str]:
    """'cpu', and 'cuda' or 'mps' where this machine has them."""
    found = {"cpu": True, "cuda": torch.cuda.is_available()}
    found["mps"] = torch.backends.mps.is_available()
    return [name for name, present in found.items() if present]


class Trainer:
    """Trains `model` on `data` with mini-batches drawn without replacement, epoch by epoch.

    Every epoch is a new seeded permutation; the last rows that do not fill a batch are left for
    that epoch. Raises `CourseError` for a model that does not fit the data or a bad batch size.
    """

    def __init__(
        self, model: MLP, data: Dataset, chain: Chain, batch_size: int = 32, seed: int = 0
    ):
        if model.sizes[0] != data.features or model.sizes[-1] != data.classes:
            raise CourseError(
                f"the model is {model.sizes}, the data {data.name!r} has {data.features} features "
                f"and {data.classes} classes; use sizes [{data.features}, …, {data.classes}]"
            )
        self.model, self.data, self.chain, self.seed = model, data, chain, seed
        self.batch_size = self._check_batch(batch_size)
        clip = chain.find(ClipByValue, ClipByNorm)
        self.threshold = 1.0 if clip is None else getattr(clip, "eps", getattr(clip, "c", 1.0))
        self.generator = torch.Generator().manual_seed(seed)
        self.step_count = 0
        self.history = History(model.theta.device, model.theta.dtype)
        chain.init(model.theta)
        self._put(model.theta.device)
        self._new_epoch()

    # ---- one step -------------------------------------------------------------------------

    @torch.inference_mode()
    def step(self) -> None:
        """One training step."""
        X, Y = self._next_batch()
        loss = self.model.loss_and_grad(X, Y)
        grad = self.model.grad
        norm = torch.linalg.vector_norm(grad)
        clipped = self.chain.find(ClipByValue, ClipByNorm)
        self.chain(grad, self.model.theta)
        after = norm if clipped is None else torch.linalg.vector_norm(clipped.out)
        self.history.record(loss, norm, after)
        self.step_count += 1

    def run(self, steps: int) -> Iterator[int]:
        """Train for `steps` steps, yielding the step count after each."""
        for _ in range(check_count("steps", steps, 0, 10**9, "0 or more")):
            self.step()
            yield self.step_count

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        if self.position + self.batch_size > len(self.order):
            self._new_epoch()
        rows = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        B = self.batch_size
        if B not in self._batches:
            X, Y = self._X, self._Y
            self._batches[B] = X.new_empty(B, X.shape[1]), Y.new_empty(B, Y.shape[1])
        x, y = self._batches[B]
        torch.index_select(self._X, 0, rows, out=x)
        torch.index_select(self._Y, 0, rows, out=y)
        return x, y.mul_(1 / B).t()

    def _new_epoch(self) -> None:
        order = torch.randperm(len(self.data.y_train), generator=self.generator)
        self.order, self.position = order.to(self._X.device), 0

    def _put(self, device) -> None:
        """Training rows on the device: inputs with their ones column, minus one-hot labels."""
        d = self.data
        self._X = with_ones(d.x_train.to(self.model.theta.dtype)).to(device)
        one_hot = targets(d.y_train, d.classes, self._X.dtype).mul_(len(d.y_train)).round_()
        self._Y = one_hot.t().contiguous().to(device)
        self._batches: dict[int, tuple[Tensor, Tensor]] = {}
        self.__dict__.pop("_splits", None)

    # ---- knobs ----------------------------------------------------------------------------

    def knobs(self) -> dict[str, object]:
        """The knobs as they stand."""
        clip = self.chain.find(ClipByValue, ClipByNorm)
        momentum = self.chain.find(Momentum, HeavyBall)
        return {
            "lr": self._descend.lr,
            "momentum": momentum.beta if momentum else 0.0,
            "clip": next((k for k, kind in CLIPS.items() if isinstance(clip, kind)), "off"),
            "threshold": self.threshold,
            "batch_size": self.batch_size,
            "device": self.model.theta.device.type,
        }

    def set(self, knob: str, value) -> None:
        """Turn a knob and record `(step, knob, value)`. A bad value raises; nothing changes."""
        check_choice("knob", knob, self.knobs(), "see Trainer.knobs()")
        getattr(self, f"_set_{knob}")(value)
        self.history.knobs.append((self.step_count, knob, self.knobs()[knob]))

    @property
    def _descend(self) -> Descend:
        return self.chain.transforms[-1]  # type: ignore[return-value]

    def _set_lr(self, value) -> None:
        self._descend.lr = value

    def _set_momentum(self, value) -> None:
        momentum = self.chain.find(Momentum, HeavyBall)
        if momentum is None:
            momentum = Momentum(value)
            momentum.init(self.model.theta)
            self.chain.transforms.insert(-1, momentum)
        momentum.beta = value

    def _set_clip(self, kind) -> None:
        check_choice("clip", kind, ("off", *CLIPS))
        old = self.chain.find(ClipByValue, ClipByNorm)
        at = self.chain.transforms.index(old) if old else 0
        if old:
            del self.chain.transforms[at]
        if kind != "off":
            new = CLIPS[kind](self.threshold)
            new.init(self.model.theta)
            self.chain.transforms.insert(at, new)

    def _set_threshold(self, value) -> None:
        checked = ClipByNorm(value).c
        clip = self.chain.find(ClipByValue, ClipByNorm)
        if clip is not None:
            setattr(clip, "eps" if isinstance(clip, ClipByValue) else "c", checked)
        self.threshold = checked

    def _set_batch_size(self, value) -> None:
        self.batch_size = self._check_batch(value)

    def _set_device(self, value) -> None:
        self.to(value)

    def _check_batch(self, value) -> int:
        n = len(self.data.y_train)
        return check_count("batch_size", value, 1, n, f"the training set has {n} rows")

    # ---- looking --------------------------------------------------------------------------

    @cached_property
    def _splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        d, like = self.data, self.model.theta
        pairs = {"train": (d.x_train, d.y_train), "test": (d.x_test, d.y_test)}
        return {
            k: (x.to(like.device, like.dtype), y.to(like.device)) for k, (x, y) in pairs.items()
        }

    def evaluate(self, split: str = "test") -> tuple[float, float]:
        """(loss, accuracy) on the 'train' or 'test' rows. Leaves the run as it was."""
        check_choice("split", split, ("train", "test"))
        x, y = self._splits[split]
        logits = self.model.predict(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        return float(loss), float((logits.argmax(1) == y).double().mean())

    def check_finite(self) -> int | None:
        """The first step (counted from 0) with a NaN or infinite loss or gradient, or None."""
        return self.history.first_not_finite()

    diverged = property(check_finite)

    # ---- saving ---------------------------------------------------------------------------

    def recipe(self) -> dict:
        """What reproduces this run, as plain JSON values."""
        return {
            "data": self.data.name,
            "sizes": self.model.sizes,
            "activation": self.model.activation,
            "chain": self.chain.describe(),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "step": self.step_count,
            "threshold": self.threshold,
        }

    def state_dict(self) -> dict:
        """Everything a bit-identical continuation needs. Copies, so it stays as it is."""
        return {
            "recipe": self.recipe(),
            "theta": self.model.theta.clone(),
            "transforms": self.chain.state(),
            "order": self.order.clone(),
            "position": self.position,
            "generator": self.generator.get_state(),
            "history": self.history.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go back to a saved state. A state that does not fit raises; nothing changes."""
        try:
            recipe = state["recipe"]
            chain = build_chain(recipe["chain"])
            saved = (recipe["data"], recipe["sizes"], recipe["activation"])
            theta, order = state["theta"], state["order"].to(self._X.device).clone()
            generator = torch.Generator()
            generator.set_state(state["generator"])
            chain.init(self.model.theta)
            chain.load_state(state["transforms"])
            history = History(self.model.theta.device, self.model.theta.dtype)
            history.load_state_dict(state["history"])
            batch, threshold = self._check_batch(recipe["batch_size"]), recipe["threshold"]
            position, step = int(state["position"]), int(recipe["step"])
        except (KeyError, TypeError, RuntimeError, AttributeError, ValueError) as error:
            raise CourseError(f"the state is not a Trainer's ({error!r}); save one anew") from error
        mine = (self.data.name, self.model.sizes, self.model.activation)
        if saved != mine or theta.shape != self.model.theta.shape:
            raise CourseError(
                f"the state is for {saved}, this trainer is {mine}; build that one first"
            )
        self.model.theta.copy_(theta)
        self.chain, self.generator, self.history = chain, generator, history
        self.order, self.position = order, position
        self.batch_size, self.step_count, self.threshold = batch, step, threshold

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

    def to(self, device: str) -> "Trainer":
        """Move the run between two steps; weights, momentum and batch order are kept."""
        check_choice("device", device, available_devices(), "this machine has these")
        saved = self.chain.state()
        self.model.to(device)
        self.chain.init(self.model.theta)
        self.chain.load_state(saved)
        self.order = self.order.to(device)
        self._put(device)
        self.history.close(device)
        return self
