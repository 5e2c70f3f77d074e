"""The planner against published rows: `python tests/benchmarks/bench_planner.py`. Takes a second.

Every row with its error, by group; a row that a constant was fitted on is marked. Then the numbers
that formulas give, what each effect is worth, and how long a search takes.
"""

import time
from itertools import groupby

from report import publish

from course.planner import Model, Spec, plan
from course.planner.ablation import EFFECTS, ablation
from course.planner.published import every_row
from course.planner.published_counts import numbers

TEXT = """Seconds of a step. `fitted`: a constant of the group's software was fitted on this row.
The A100's matmul and memory shares were fitted on three rows of 2021 alone; H100 Megatron has
one constant of its own, torchtitan three and one for asynchronous tensor parallelism, ZeRO 3 one.
Numbers that follow from formulas (parameters, activations, state, ZeRO): {exact} of {all} are met
to the last printed digit. {slow}"""


def errors(rows):
    found = [abs(row.error()) for row in rows]
    return f"**mean {sum(found) / len(found):.1%}, worst {max(found):.1%}**"


def search_seconds():
    model = Model(layers=120, hidden=12288, heads=96, vocab=51200, sequence=2048)
    start = time.process_time()
    plan(Spec(model, 10_080, "A100-80GB", batch=20_160))  # numbers with many divisors
    return time.process_time() - start


def main():
    table = []
    for group, rows in groupby(every_row(), key=lambda row: row.group):
        rows = list(rows)
        table.append([f"**{group}**", "", "", errors(rows), "", ""])
        others = [row for row in rows if not row.fitted]
        if others and len(others) < len(rows):
            table.append(["not fitted", "", "", errors(others), "", ""])
        for row in rows:
            mark = "fitted" if row.fitted else ""
            table.append([row.name, f"{row.seconds:.4g}", f"{row.planned():.4g}",
                          f"{row.error():+.1%}", mark, row.assumed])  # fmt: skip
    found = numbers()
    text = TEXT.format(
        exact=sum(number.exact for number in found), all=len(found),
        slow=f"A search on 10,080 devices takes {search_seconds():.2f} s of processor time (≤ 2).",
    )  # fmt: skip
    header = ["row", "published s", "planned s", "error", "", "assumed"]
    publish("The planner against published steps", text, header, table)
    for number in found:
        mark = "" if number.exact else "  NOT EXACT"
        print(f"{number.group}, {number.name}: {number.printed}, {number.planned:.4f}{mark}")
    rows = [[name, EFFECTS.get(name, ""), f"{error:.1%}"] for name, error in ablation().items()]
    publish(
        "What each effect is worth",
        "Mean error over the eleven A100 rows that were not fitted, when an effect is left out and "
        "the\nshares are fitted again.",
        ["left out", "what it is", "error"], rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
