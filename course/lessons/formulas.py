"""The formula of every number in `backprop_trace`: in symbols, and with the numbers filled in.

One template makes both: "{w2[1,1]}·{a1[1]} + {b2[1]}" becomes "w₁₁⁽²⁾a₁⁽¹⁾ + b₁⁽²⁾" and, say,
"0.5·(−0.3) + 0.1". Layer in brackets above, neuron below, all counted from 1.
"""

import math
import re
from dataclasses import dataclass, field, replace

BELOW, ABOVE = (str.maketrans("0123456789", d) for d in ("₀₁₂₃₄₅₆₇₈₉", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
SIGNS = {
    "delta": "δ", "yhat": "ŷ", "da": "∂L/∂a", "dw": "∂L/∂w", "db": "∂L/∂b", "loss": "L", "lr": "α",
    "docw": "∂L/∂w", "docb": "∂L/∂b",
}  # fmt: skip
WORDS = {
    "x": "input", "y": "target", "z": "z", "a": "activation a", "yhat": "prediction y hat",
    "loss": "loss L", "w": "weight w", "b": "bias b", "delta": "gradient delta, by z",
    "da": "gradient by activation a", "dw": "gradient by weight w", "db": "gradient by bias b",
    "docw": "the document's gradient by weight w", "docb": "the document's gradient by bias b",
}  # fmt: skip
ACTIVATE = {
    "relu": "max(0, {z})", "tanh": "tanh({z})", "sigmoid": "1/(1 + e^(−{z}))", "gelu": "{z}·Φ({z})",
}  # fmt: skip
SLOPE = {  # f′(z), in z or in a = f(z), whichever is shorter
    "relu": "{slope}", "tanh": "(1 − {a}²)", "sigmoid": "{a}·(1 − {a})",
    "gelu": "(Φ({z}) + {z}·φ({z}))",
}  # fmt: skip
SLOPE_WORDS = {
    "relu": "f′ = 1 where z > 0, else 0", "tanh": "f′ = 1 − a²", "sigmoid": "f′ = a(1 − a)",
    "gelu": "f′ = Φ(z) + zφ(z)",
}  # fmt: skip
FUNCTIONS = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "σ", "gelu": "GELU"}
PREDICTED = ("cross_entropy", "bce")  # losses that turn the last z into probabilities ŷ


@dataclass(frozen=True)
class Formula:
    """A chain of equals: left = symbols[0] = … = numbers = value. uses: names on the right."""

    left: str
    symbols: list[str] = field(default_factory=list)
    numbers: str = ""
    value: str = ""
    uses: list[str] = field(default_factory=list)

    def parts(self) -> list[str]:
        """Return what stands between the equals signs, without repeats."""
        parts = [self.left, *self.symbols, self.numbers, self.value]
        return [p for i, p in enumerate(parts) if p and (not i or p != parts[i - 1])]

    def __str__(self):
        return " = ".join(self.parts())


@dataclass(frozen=True)
class Operation:
    """One step of the way. way: 'forward' or 'backward'. names: of the numbers that it gives."""

    way: str
    layer: int
    kind: str
    symbols: str
    names: list[str]


def show(value: float, digits: int = 4) -> str:
    """Write a number with so many digits, and as many more as a number near 1 needs (0.99998)."""
    gap = 1 - abs(value)
    if 0 < gap < 1e-3:
        digits = min(17, max(digits, digits - 2 - math.floor(math.log10(gap))))
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value + 0.0:.{digits}g}").replace("-", "−")


def parse(name: str) -> tuple[str, int, list[int]]:
    """Split a name: 'w2[1,3]' → ('w', 2, [1, 3]); layer 0 if the name has none."""
    found = re.fullmatch(r"([a-z]+)(\d*)(?:\[([\d,]+)\])?", name)
    kind, layer, place = found.groups() if found else ("", "", "")
    return kind, int(layer or 0), [int(n) for n in place.split(",")] if place else []


def above(n: int) -> str:
    """Write a layer's number in brackets above the line: 2 → ⁽²⁾."""
    return f"⁽{str(n).translate(ABOVE)}⁾"


def symbol(name: str) -> str:
    """Write a name as the documents do: 'w2[1,3]' → 'w₁₃⁽²⁾'."""
    kind, layer, place = parse(name)
    index = "".join(map(str, place)).translate(BELOW) + (above(layer) if layer else "")
    if kind == "slope":
        return f"f′(z{index})"
    if kind in ("noty", "notyhat"):  # the second stands between the brackets of a logarithm
        return f"(1 − y{index})" if kind == "noty" else f"1 − ŷ{index}"
    return SIGNS.get(kind, kind) + index


def words(name: str) -> str:
    """Spell a name for a screen reader: 'w2[1,3]' → 'weight w 1 3 of layer 2'."""
    kind, layer, place = parse(name)
    return " ".join([WORDS[kind], *map(str, place)]) + (f" of layer {layer}" if layer else "")


def in_symbols(template: str) -> str:
    """Put symbols into a template."""
    # without brackets a₁⁽¹⁾² would read as a power of the layer
    squared = re.sub(r"(\{[^}]+\})²", r"(\1)²", template)
    return re.sub(r"\{(.+?)\}", lambda m: symbol(m[1]), re.sub(r"\}·\{(?!d[abw])", "}{", squared))


def in_numbers(template: str, values: dict[str, float], digits: int) -> str:
    """Put numbers into a template; a negative one in brackets, unless it starts or has some."""

    def one(m):
        text = show(values[m[1]], digits)
        bare = template[: m.start()][-1:] in ("", "(") and template[m.end() :][:1] != "²"
        return text if bare or text[0] != "−" else f"({text})"

    return re.sub(r"\{(.+?)\}", one, template)


def templates(trace, name: str) -> list[str]:
    """Return a number's templates, from the general form to the one that takes numbers."""
    kind, n, place = parse(name)
    i, j = (place + [0, 0])[:2]
    C, L = trace.sizes[-1], trace.depth
    rows = range(1, C + 1)
    share = f"/{C}" if C > 1 else ""

    def here(template):  # z stands for this neuron's z, and so on
        return re.sub(r"\{(z|a|da|slope|delta)\}", rf"{{\g<1>{n}[{i}]}}", template)

    def below(k):
        return f"{{a{n - 1}[{k}]}}" if n > 1 else f"{{x[{k}]}}"

    if kind == "z":
        terms = [f"{{w{n}[{i},{k}]}}·{below(k)}" for k in range(1, trace.sizes[n - 1] + 1)]
        return [" + ".join([*terms, f"{{b{n}[{i}]}}"])]
    if kind == "a":
        return [here(ACTIVATE[trace.activation])]
    if kind == "yhat":
        z = f"{{z{L}[{i}]}}"
        if trace.loss == "bce":
            return [f"1/(1 + e^(−{z}))"]
        return [f"e^({z})/(" + " + ".join(f"e^({{z{L}[{k}]}})" for k in rows) + ")"]
    if kind == "loss":
        if trace.loss == "mse":
            squares = " + ".join(f"({{z{L}[{k}]}} − {{y[{k}]}})²" for k in rows)
            return [f"({squares}){share}" if share else squares]
        if trace.loss == "cross_entropy":
            return [f"−ln({{yhat[{int(trace.y.argmax()) + 1}]}})"]
        terms = [f"{{{s}y[{k}]}}·ln({{{s}yhat[{k}]}})" for k in rows for s in ("", "not")
                 if trace.values[f"{s}y[{k}]"]]  # fmt: skip
        return ["−(" + " + ".join(terms) + ")" + share]
    if kind == "delta" and n == L:
        if trace.loss == "mse":
            return [f"2·({{z{L}[{i}]}} − {{y[{i}]}}){share}"]
        difference = f"{{yhat[{i}]}} − {{y[{i}]}}"
        return [f"({difference}){share}" if trace.loss == "bce" and share else difference]
    if kind == "delta":
        return [here("{slope}·{da}"), here(SLOPE[trace.activation] + "·{da}")]
    if kind == "da":
        up = range(1, trace.sizes[n + 1] + 1)
        return [" + ".join(f"{{w{n + 1}[{k},{i}]}}·{{delta{n + 1}[{k}]}}" for k in up)]
    if kind in ("dw", "db"):
        return [here("{delta}") + (f"·{below(j)}" if kind == "dw" else "")]
    if kind in ("docw", "docb"):
        start = "{da}" if n < L else "{delta}"
        start = here(start if trace.reading == "printed" else "{delta}·{slope}")
        return [start + (f"·{below(j)}" if kind == "docw" else "")]
    if kind in ("w", "b"):
        return [f"{{{name}}} − {{lr}}·{{d{name}}}"]
    return []


def formula(trace, name: str, known: set[str], digits: int = 4) -> Formula:
    """Return the formula of a number.

    Args:
        trace: a `BackpropTrace`.
        name: of the number.
        known: names whose numbers are filled in; the others stay in symbols.
        digits: of each number.
    """
    forms, left = templates(trace, name), symbol(name)
    kind = parse(name)[0]
    value = show(trace.values[name], digits)
    if kind in ("w", "b"):
        if f"d{name}" not in known:
            return Formula(left, value=value)
        left, value = f"{left} = {value}, next {left}", show(trace.values[f"next{name}"], digits)
    if kind.startswith("doc"):
        left = f"the document: {left}"
    symbols = [in_symbols(form) for form in forms]
    uses = re.findall(r"\{(.+?)\}", forms[-1]) if forms else []
    if name not in known:
        return Formula(left, symbols, uses=uses)
    numbers = in_numbers(forms[-1], trace.values, digits) if forms else ""
    return Formula(left, symbols, numbers, value, uses)


def operations(trace) -> list[Operation]:
    """Return every step in its order: forward layer by layer, the loss, then backward."""
    L, C, f = trace.depth, trace.sizes[-1], trace.activation
    share = f" / {C}" if C > 1 else ""
    steps = []

    def add(way, n, kind, symbols, *kinds):
        names = [name for k in kinds or (kind,) for name in trace.entries(k, n)]
        steps.append(Operation(way, n, kind, symbols, names))

    below = ["x"] + [f"a{above(n)}" for n in range(1, L)]
    z, d = f"z{above(L)}", f"δ{above(L)}"
    for n in range(1, L + 1):
        up = above(n)
        add("forward", n, "z", f"z{up} = W{up}{below[n - 1]} + b{up}")
        if n < L:
            add("forward", n, "a", f"a{up} = {FUNCTIONS[f]}(z{up})")
    if trace.loss in PREDICTED:
        add("forward", L, "yhat", f"ŷ = {'σ' if trace.loss == 'bce' else 'softmax'}({z})")
    loss = {
        "cross_entropy": "L = −Σᵢ yᵢ ln ŷᵢ", "mse": f"L = Σᵢ (zᵢ{above(L)} − yᵢ)²{share}",
        "bce": f"L = −Σᵢ (yᵢ ln ŷᵢ + (1 − yᵢ) ln(1 − ŷᵢ)){share}",
    }  # fmt: skip
    steps.append(Operation("forward", L, "loss", loss[trace.loss], ["loss"]))
    first = {"cross_entropy": "ŷ − y", "mse": f"2 ({z} − y){share}", "bce": f"(ŷ − y){share}"}
    for n in range(L, 0, -1):
        up = above(n)
        if n < L:
            add("backward", n, "da", f"∂L/∂a{up} = W{above(n + 1)}ᵀδ{above(n + 1)}")
            add("backward", n, "delta", f"δ{up} = f′(z{up}) ⊙ ∂L/∂a{up},  {SLOPE_WORDS[f]}")
        else:
            add("backward", n, "delta", f"{d} = ∂L/∂{z} = {first[trace.loss]}")
        text = f"∂L/∂W{up} = δ{up}{below[n - 1]}ᵀ,  ∂L/∂b{up} = δ{up}"
        add("backward", n, "dw", text, "dw", "db")
    return steps


def lines(trace, operation: Operation, digits: int = 4) -> list[str]:
    """Fill the numbers into an operation: a line for each neuron."""
    known, n = set(trace.values), operation.layer
    if operation.kind != "dw":
        filled = (formula(trace, name, known, digits) for name in operation.names)
        return [str(replace(f, symbols=[])) for f in filled]

    def row(names):
        return "(" + ", ".join(show(trace.values[name], digits) for name in names) + ")"

    inputs = [f"a{n - 1}[{j}]" if n > 1 else f"x[{j}]" for j in range(1, trace.sizes[n - 1] + 1)]
    rows = []
    for i in range(1, trace.sizes[n] + 1):
        delta = show(trace.values[f"delta{n}[{i}]"], digits)
        weights = [f"dw{n}[{i},{j}]" for j in range(1, len(inputs) + 1)]
        left = f"∂L/∂w{str(i).translate(BELOW)}ⱼ{above(n)}"
        rows.append(f"{left} = {delta}·{row(inputs)} = {row(weights)}")
    return [*rows, f"∂L/∂b{above(n)} = {row(trace.entries('db', n))}"]
