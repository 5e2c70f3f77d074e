"""A chain of transforms as an ordinary `torch.optim.Optimizer`, for your own training loops.

    optimizer = as_optimizer(chain(ClipByNorm(1.0), HeavyBall(0.9), Descend(0.1)), net.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    ...
    loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()

Each parameter group becomes one flat vector with its own copy of the chain, so clipping by norm
sees the norm of the group. The group's 'lr', 'momentum', 'betas', 'eps', 'alpha',
'weight_decay' are the chain's knobs (`course.interop.param_groups`):

    as_optimizer(
        chain(AdamW(), Descend(1e-3)),
        [{"params": matrices, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}],
    )
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..errors import CourseError
from ..optim.chain import Chain, build_chain
from .adopt import adopters
from .flat_parameters import Flat
from .param_groups import Knobs, turn


def as_optimizer(chain: Chain, params) -> "ChainOptimizer":
    """Return a torch optimizer that moves parameters by a chain.

    Frozen parameters stay where they are.

    Args:
        chain: every group starts from a copy of it, with the numbers that the group names; the
            chain itself does not change.
        params: parameters, (name, parameter) pairs, or dicts {'params': …, 'lr': …}, as
            torch.optim takes them.

    Raises:
        CourseError: for a key that is not a number of this chain, and for parameters that do not
            fit into one vector (give each type or device its own group), or that `adopt` holds.
    """
    return ChainOptimizer(chain, params)


class ChainOptimizer(torch.optim.Optimizer):
    """A chain as a torch optimizer, as `as_optimizer` returns it.

    Unlike in torch.optim, a gradient None counts as 0: momentum and weight decay go on moving such
    a parameter. `zero_grad` zeroes the flat gradient; set_to_none makes no difference.

    Attributes:
        chains: one chain a parameter group.
        flats: the vectors of each group.
    """

    def __init__(self, chain: Chain, params):
        if not isinstance(chain, Chain):
            raise CourseError(f"as_optimizer got {chain!r}; it takes a chain(…) of transforms")
        if isinstance(params, nn.Module):
            raise CourseError(
                "as_optimizer got a module; it takes its parameters: net.parameters()"
            )
        self.chain = chain
        self.chains: list[Chain] = []
        self.flats: list[Flat] = []
        self._knobs: list[Knobs] = []
        self._frozen: list[list[tuple[str, torch.Tensor]]] = []
        super().__init__(params, Knobs(chain).values())

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, with a copy of the chain that starts now.

        Raises:
            CourseError: as `as_optimizer`; the group is not added then.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            self._adopt_group(group)
        except Exception:
            self.param_groups.pop()
            raise

    def _adopt_group(self, group: dict[str, Any]) -> None:
        at = len(self.flats)
        names = group.get("param_names") or [f"{at}.{i}" for i in range(len(group["params"]))]
        named = dict(zip(names, group["params"], strict=True))
        for name, p in named.items():
            if any(id(p) in other.flat.home for other in adopters()):
                raise CourseError(
                    f"parameter {name!r} is adopted; one owner at a time; hand the chain to a "
                    "Trainer with the adopted module, or `del` that one"
                )
        trainable = {name: p for name, p in named.items() if p.requires_grad}
        frozen = {name: p for name, p in named.items() if not p.requires_grad}
        chain = Chain(*copy.deepcopy(self.chain.transforms))
        knobs = Knobs(chain)
        turn([(knobs, group)])
        flat = Flat(trainable, frozen)
        self._start(chain, flat)
        knobs.show_schedules(group)
        self.chains.append(chain)
        self._knobs.append(knobs)
        self.flats.append(flat)
        self._frozen.append(list(frozen.items()))

    @staticmethod
    def _start(chain: Chain, flat: Flat) -> None:
        chain.init(flat.theta, flat.named_views)

    @torch.no_grad()
    def step(self, closure: Callable | None = None):  # type: ignore[override]
        """Move the parameters once.

        Args:
            closure: called first, computes loss and gradients and returns the loss.

        Returns:
            The loss of the closure, None without one.

        Raises:
            CourseError: for a parameter that was unfrozen or moved to another device since, and
                for bad numbers in a group; no parameter has moved then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for flat, frozen in zip(self.flats, self._frozen, strict=True):
            for name, p in frozen:
                if p.requires_grad:
                    raise CourseError(
                        f"parameter {name!r} was frozen when the optimizer was built; only "
                        "parameters trainable then can move; build the optimizer anew"
                    )
            flat.collect()
        pairs = list(zip(self._knobs, self.param_groups, strict=True))
        turn(pairs)  # all before the first move: a bad value changes nothing
        for (knobs, group), flat in zip(pairs, self.flats, strict=True):
            knobs.chain(flat.grad, flat.theta)
            knobs.show_schedules(group)
            # Only theta was written to; autograd must notice it in the parameters too.
            torch.autograd.graph.increment_version(flat.params)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to 0, as views of the flat one, whatever `set_to_none` says."""
        for flat in self.flats:
            flat.collect()
            flat.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return copies of plain types, which `torch.load(…, weights_only=True)` reads back."""
        chains = [
            {"chain": chain.describe(), "size": len(flat.theta), "state": chain.state()}
            for chain, flat in zip(self.chains, self.flats, strict=True)
        ]
        return super().state_dict() | {"chains": chains}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go back to a saved state.

        Raises:
            CourseError: for one that does not fit; nothing changes then.
        """
        if not isinstance(state_dict, dict) or "chains" not in state_dict:
            raise CourseError(
                "the state has no 'chains': another optimizer's; allowed: what state_dict() of a "
                "chain's optimizer gave; load that"
            )
        try:
            groups = [len(group["params"]) for group in state_dict["param_groups"]]
            chains = [
                self._revived(chain, flat, saved)
                for chain, flat, saved in zip(
                    self.chains, self.flats, state_dict["chains"], strict=True
                )
            ]
            knobs = [Knobs(chain) for chain in chains]
            turn(list(zip(knobs, map(dict, state_dict["param_groups"]), strict=True)))
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise CourseError(f"the state does not fit ({error}); build the same first") from error
        mine = [len(group["params"]) for group in self.param_groups]
        if groups != mine:
            raise CourseError(
                f"the state has groups of {groups} parameters, this optimizer of {mine}; they must "
                "be equal; build the same groups first"
            )
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "chains"})
        self.chains, self._knobs = chains, knobs

    def _revived(self, chain: Chain, flat: Flat, saved: dict[str, Any]) -> Chain:
        """Return a chain as it was saved; the running one stays until all is checked."""
        kinds = [[d["kind"] for d in ds] for ds in (saved["chain"], chain.describe())]
        if kinds[0] != kinds[1] or saved["size"] != len(flat.theta):
            raise CourseError(
                f"it is of {kinds[0]} for {saved['size']} weights, this one of {kinds[1]} for "
                f"{len(flat.theta)}"
            )
        revived = build_chain(saved["chain"])
        self._start(revived, flat)
        for fresh, vectors in zip(revived.state(), saved["state"], strict=True):
            if {k: v.shape for k, v in fresh.items()} != {k: v.shape for k, v in vectors.items()}:
                raise CourseError(f"its buffers {sorted(vectors)} are not {sorted(fresh)} in shape")
        revived.load_state(saved["state"])
        return revived

    def __getstate__(self):
        raise CourseError(
            "a chain's optimizer is not copied or pickled: its vectors belong to these parameters; "
            "save state_dict(), and call as_optimizer on the copy's parameters"
        )
