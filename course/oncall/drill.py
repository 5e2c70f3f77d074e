"""A drill: a job, an operator who acts, and a recipe that replays both.

drill = OnCall("short", seed=0)
while drill.step():
    if drill.silent:  # a rank has died, and the job is down
        drill.act("evict", rank=drill.silent[0])
        drill.act("spare")
        drill.act("roll_back", batch=drill.checkpoints[-1].batch)
print(drill.score())
replay(drill.recipe())  # the same bits again
"""

import math

from ..errors import CourseError, check_count, check_fields, check_number, real_number, shown
from .actions import act
from .job import Job

FORM = 1  # of a recipe
MOST_ACTIONS = 10_000


class OnCall(Job):
    """A drill in progress, from its start.

    Args:
        drill: "short", "medium" or "long": 30, 60 or 120 modelled minutes.
        seed: of faults, weights, rows and noise.

    Attributes:
        done: the actions so far, as a recipe has them.

    Raises:
        CourseError: for another drill, or a bad seed.
    """

    def __init__(self, drill: str = "short", seed: int = 0):
        super().__init__(drill, seed)
        self.done: list[dict] = []

    def act(self, do: str, /, **named) -> str:
        """Act now, between two steps; the clock goes on by what it takes.

        Args:
            do: "roll_back", "evict", "spare", "skip_batch", "skip_shard", "save", "interval" or
                "check".
            named: what it asks for, see `actions`: act("evict", rank=2).

        Returns:
            What came of it.

        Raises:
            CourseError: for what cannot be done; nothing changes then.
        """
        at = self.clock
        said = act(self, do, named)
        plain = {k: v if isinstance(v, str) else real_number(v) for k, v in named.items()}
        self.done.append({"at": at, "do": do, **plain})
        return said

    def recipe(self) -> dict:
        """Return what replays this drill: its seed, and each action with its time. Plain JSON."""
        return {
            "oncall": FORM, "drill": self.drill, "seed": self.seed, "actions": [*self.done],
            "until": self.clock,
        }  # fmt: skip


def replay(recipe: dict) -> OnCall:
    """Do a drill again, to the same bits.

    Args:
        recipe: as `OnCall.recipe` returned it, also after a way through JSON.

    Raises:
        CourseError: for what is not a recipe, or an action that this drill does not allow then.
    """
    if not isinstance(recipe, dict) or recipe.get("oncall") != FORM:
        raise CourseError(f"recipe = {shown(recipe)}; allowed: what recipe() of a drill returned")

    def form(oncall, drill, seed, actions, until):
        """Name what a recipe has."""

    check_fields("recipe", recipe, form)
    drill = OnCall(recipe["drill"], recipe["seed"])
    actions, until = recipe["actions"], recipe["until"]
    if not isinstance(actions, list) or len(actions) > MOST_ACTIONS:
        raise CourseError(f"actions = {shown(actions)}; allowed: a list of up to {MOST_ACTIONS:,}")
    for number, action in enumerate(actions):
        if not isinstance(action, dict) or not {"at", "do"} <= action.keys():
            raise CourseError(f"actions[{number}] = {shown(action)}; it needs 'at' and 'do'")
        named = {str(name): value for name, value in action.items() if name not in ("at", "do")}
        run_until(drill, action["at"], f"actions[{number}]['at']")
        drill.act(action["do"], **named)
    run_until(drill, until, "until")
    return drill


def run_until(drill: OnCall, at: object, name: str) -> None:
    """Step until the clock shows a time, at which a step must have ended."""
    clock = check_number(name, at, drill.clock, math.inf, "the clock of this drill, in seconds")
    while drill.clock < clock and drill.step():
        pass
    if drill.clock != clock:
        raise CourseError(
            f"{name} = {clock!r}, and no step ends then: the nearest is {drill.clock!r}; change "
            "nothing in a recipe, or act in a drill of your own"
        )


def healthy_loss(seed: int, batches: int) -> float:
    """Return the test loss after so many batches in which nothing fails.

    Raises:
        CourseError: for a bad number.
    """
    batches = check_count("batches", batches, 0, 10_000, "of a drill")
    run = OnCall("short", seed)
    run.plan, run.length, run.interval = [], math.inf, 10**9
    for _ in range(batches):
        run.step()
    return run.test_loss()
