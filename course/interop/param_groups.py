"""What the keys of a parameter group set in a chain: torch.optim's names for its numbers.

    {'params': …, 'lr': 0.1, 'betas': (0.9, 0.95)}   ⇄   Adam(beta1=0.9, beta2=0.95), Descend(0.1)

Schedulers write into the group; the chain reads it before each step.
"""

from typing import Any

from ..errors import CourseError
from ..optim.adaptive import Adam, AdamW, Muon, RMSProp
from ..optim.chain import Chain
from ..optim.first_order import L2, Descend, HeavyBall, Momentum, Nesterov

# key: (the transforms that have it, the names of their fields)
KEYS: dict[str, tuple[tuple[type, ...], tuple[str, ...]]] = {
    "lr": ((Descend,), ("lr",)),
    "momentum": ((Momentum, HeavyBall, Nesterov, Muon), ("beta",)),
    "betas": ((Adam,), ("beta1", "beta2")),
    "alpha": ((RMSProp,), ("beta",)),
    "eps": ((Adam, RMSProp), ("eps",)),
    "weight_decay": ((L2, AdamW), ("weight_decay",)),
    "ns_steps": ((Muon,), ("iterations",)),
}
# What torch and its schedulers write for themselves, and a label: steps do not depend on them.
NOTES = {
    "params", "param_names", "name", "initial_lr", "max_lr", "min_lr", "max_momentum",
    "base_momentum", "swa_lr",
}  # fmt: skip
OFF = {"weight_decay", "momentum"}  # a 0 of these is true of a chain that has neither


class Knobs:
    """The numbers of one chain that a parameter group sets.

    A key that two transforms could mean sets neither.

    Args:
        chain: whose numbers.

    Attributes:
        keys: {key: (transform, names of its fields)}.
        known: the keys that a group may have.
    """

    def __init__(self, chain: Chain):
        self.chain = chain
        self.find()

    def find(self) -> None:
        """Look the keys up in the transforms that the chain now has."""
        self.transforms = self.chain.transforms
        self.keys: dict[str, tuple[Any, tuple[str, ...]]] = {}
        for key, (kinds, fields) in KEYS.items():
            matches = [t for t in self.transforms if isinstance(t, kinds)]
            if len(matches) == 1:
                self.keys[key] = matches[0], fields
        self.known = self.keys.keys() | NOTES

    def values(self) -> dict[str, Any]:
        """Return {key: number}, or a pair of them, as torch.optim shows it."""
        return {key: _shown(t, fields) for key, (t, fields) in self.keys.items()}

    def show_schedules(self, group: dict[str, Any]) -> None:
        """Write the numbers that a schedule has moved into the group."""
        for key, (t, fields) in self.keys.items():
            if t.schedules and not t.schedules.keys().isdisjoint(fields):
                group[key] = _shown(t, fields)


def turn(pairs: list[tuple[Knobs, dict[str, Any]]]) -> None:
    """Set in each chain what its group says, if that is new: setting a number ends a schedule.

    A key that a group lacks is shown in it.

    Args:
        pairs: the knobs of each chain, and its group.

    Raises:
        CourseError: for an unknown key or a bad value; no chain has changed then.
    """
    before: list[tuple[Any, dict[str, Any]]] = []
    try:
        for knobs, group in pairs:
            _turn(knobs, group, before)
    except Exception:
        for t, fields in reversed(before):
            vars(t).update(fields)
        raise


def _turn(knobs: Knobs, group: dict[str, Any], before: list) -> None:
    if knobs.transforms is not knobs.chain.transforms:
        knobs.find()
    if not group.keys() <= knobs.known:
        _refuse_unknown(knobs, group)
    for key, (t, fields) in knobs.keys.items():
        own = _shown(t, fields)
        given = group.setdefault(key, own)
        if _equal(given, own):
            continue
        values = (given,) if len(fields) == 1 else given
        if not isinstance(values, (tuple, list)) or len(values) != len(fields):
            raise CourseError(f"{key!r} = {given!r} of a group; allowed: a pair, as (0.9, 0.99)")
        for field, value in zip(fields, values, strict=True):
            if not _equal(value, getattr(t, field)):
                before.append((t, dict(vars(t))))
                setattr(t, field, value)


def _equal(given: Any, own: Any) -> bool:
    """Return `given == own`; False when the answer is not a yes or no, as of two arrays."""
    try:
        return bool(given == own)
    except (RuntimeError, ValueError):
        return False


def _shown(t: Any, fields: tuple[str, ...]) -> Any:
    return getattr(t, fields[0]) if len(fields) == 1 else tuple(getattr(t, f) for f in fields)


def _refuse_unknown(knobs: Knobs, group: dict[str, Any]) -> None:
    for key, value in group.items():
        if key in knobs.known or (key in OFF and _equal(value, 0)):
            continue
        kinds = [kind.__name__ for kind in KEYS[key][0]] if key in KEYS else []
        if any(isinstance(t, KEYS[key][0]) for t in knobs.transforms if kinds):
            remedy = f"keep only one of {', '.join(kinds)} in the chain"
        else:
            remedy = f"put {' or '.join(kinds)} into the chain" if kinds else "leave it out"
        raise CourseError(
            f"the parameter group has {key!r} = {value!r}, which {knobs.chain!r} does not "
            f"know; allowed: {', '.join(map(repr, knobs.keys))}; {remedy}"
        )
