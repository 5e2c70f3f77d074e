"""Chapter 3_17_failures: why many devices compute together. D3 5.

Times of training: of the milestones from their published FLOPs, of more devices by the planner,
whose times are held to published rows.
"""

from collections.abc import Mapping, Sequence

from ...planner.devices import DEVICES
from ...planner.failures import mean_time_between_failures
from ...planner.layout import Layout
from ...planner.model import Model
from ...planner.plans import evaluate
from ...planner.spec import Spec
from ..milestones import MILESTONES
from ..verdicts import Case, Check

YEAR = 365.25 * 24 * 3600
SHARE = 0.5  # of its peak, which a device reaches
GROUP, MACHINES = 8, 64  # devices of a machine, and machines


def on_one_device() -> list[float]:
    """Return the years that each milestone, by its date, takes on one H100."""
    peak = DEVICES["H100-SXM"].peak
    return [found.flops / (SHARE * peak) / YEAR for found in MILESTONES]


def days(devices: int) -> float:
    """Return the days that 1.7 billion parameters and 3·10¹¹ tokens take, data parallel."""
    model = Model(layers=24, hidden=2304, heads=24, vocab=51_200, sequence=2048)
    layout = Layout(data=devices)
    device = DEVICES["A100-80GB"]
    spec = Spec(model, devices, device, batch=512, tokens=300 * 10**9, layout=layout)
    found = evaluate(spec, layout).days
    assert found is not None
    return found


def goes(values: Sequence[float]) -> str:
    """Return 'longer' or 'shorter' when each time is so than the one before, else 'neither'."""
    pairs = list(zip(values, values[1:], strict=False))
    if all(a < b for a, b in pairs):
        return "longer"
    return "shorter" if all(a > b for a, b in pairs) else "neither"


def examine_trend(says: Mapping[str, str]) -> list[Case]:
    """Measure in which direction times of training go.

    Args:
        says: "with each network", "parallel", "distributed": 'longer' or 'shorter' each;
            "failures": 'more often' or 'as often', what many devices do to them.
    """
    years = on_one_device()
    one, machine, many = days(1), days(GROUP), days(GROUP * MACHINES)
    first, last = MILESTONES[0], MILESTONES[-1]
    apart = [mean_time_between_failures(n) for n in (GROUP, GROUP * MACHINES)]
    return [
        Case("training takes longer and longer: known networks, one device",
             goes(years) == says["with each network"],
             f"{first.name} {years[0] * YEAR:.2g} seconds, {last.name} {years[-1]:,.0f} years"),
        Case("parallel computing: the devices of one machine",
             goes([one, machine]) == says["parallel"],
             f"1 device {one:.0f} days, {GROUP} devices {machine:.0f} days"),
        Case("distributed computing: many machines",
             goes([machine, many]) == says["distributed"],
             f"1 machine {machine:.0f} days, {MACHINES} machines {many:.1f} days"),
        Case("they fail as often as one machine",
             ("as often" if apart[0] == apart[1] else "more often") == says["failures"],
             f"1 machine every {apart[0] / 60 / 24:.0f} days, {MACHINES} machines every "
             f"{apart[1] / 60 / 24:.0f}", aside=True),
    ]  # fmt: skip


STATED = {"with each network": "longer", "parallel": "shorter", "distributed": "shorter",
          "failures": "as often"}  # fmt: skip
trend = Check(
    examine_trend,
    document=STATED,
    planted={"with each network": "shorter", "parallel": "longer", "distributed": "longer",
             "failures": "more often"},
)  # fmt: skip
