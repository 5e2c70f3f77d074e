"""Wrong answers to the exercises of 6_clinic: (exercise, answer, what is said)."""

from course.lessons.clinic.ward import READINGS
from course.lessons.exercises import clinic

THREE, FIVE = clinic.three_readings, clinic.at_most_five


def three(mix=5.0, silent=0.9, stuck=0.9, order=("mix", "silent", "stuck")):
    """The right rule, or one of its numbers changed, or another order."""
    names = {"mix": "unshuffled data", "silent": "dead units", "stuck": "saturated sigmoid"}

    def rule(s, t, m):
        true = {"mix": m < mix, "silent": s > silent, "stuck": t > stuck}
        return next((names[key] for key in order if true[key]), "plateau")

    return rule


def doctor(read):
    """A right rule."""
    if read("broken") >= 0:
        if read("odd rows"):
            return "NaN from bad data"
        return "NaN from a rate" if read("growth") > 1000 else "NaN from the logarithm of 0"
    loss = read("loss")
    if loss > 1000:
        return "divergence"
    if loss > 5:
        return "dead units"
    if loss > 2.1:
        return "saturated sigmoid" if read("stuck") > 0.5 else "plateau"
    if loss > 0.5:
        return "under-fitting" if read("mix") > 5 else "unshuffled data"
    if read("training") < 0.2:
        return "unshuffled data"
    if read("training") < 0.8:
        return "wrong loss"
    if read("aside") < 0.85:
        return "over-fitting"
    return "label leak" if read("column") > 0.97 else "stale statistics"


def but(name, said):
    """The right rule, but for one name."""
    return lambda read: said if doctor(read) == name else doctor(read)


def curious(read):
    """All readings, and the right answer."""
    for name in READINGS:
        read(name)
    return doctor(read)


WRONG = [
    (THREE, "plateau", "Hand over the function itself"),
    (THREE, lambda silent, stuck, mix: None, "returns nothing yet"),
    (THREE, lambda silent, stuck, mix: "a cold", "Return one of"),
    (THREE, three(order=("mix", "stuck", "silent")), "Ask first whether it is silent"),
    (THREE, three(order=("mix", "silent")), "stuck, and not silent"),
    (THREE, three(order=("mix", "stuck")), "Ask first whether it is silent"),
    (THREE, three(order=("silent", "stuck")), "Ten are to be learned"),
    (THREE, three(mix=10.0), "nearly ten are in it"),
    (THREE, lambda s, t, m: {"dead units": "plateau"}.get(three()(s, t, m), three()(s, t, m)),
     "Nearly all of its units are silent"),
    (THREE, three(silent=-1.0), "it is"),
    (FIVE, "plateau", "Hand over the function itself"),
    (FIVE, lambda read: None, "returns nothing yet"),
    (FIVE, lambda read: 7, "Return one of"),
    (FIVE, curious, "At most 5 are allowed"),
    (FIVE, lambda read: read("pulse"), "is no reading"),
    (FIVE, but("NaN from bad data", "NaN from a rate"), "Count the odd rows"),
    (FIVE, but("NaN from the logarithm of 0", "NaN from a rate"), "broke without growing"),
    (FIVE, but("divergence", "plateau"), "look at the growth"),
    (FIVE, but("label leak", "stale statistics"), "One column knows"),
    (FIVE, but("stale statistics", "over-fitting"), "as they are prepared in use"),
    (FIVE, but("wrong loss", "under-fitting"), "neighbours of the right ones"),
]  # fmt: skip
