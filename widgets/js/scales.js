// Axis scales with nice ticks, and numbers as words.

export const SCALES = {
  linear: [(v) => v, (v) => v],
  share: [(v) => v, (v) => v],
  log: [Math.log10, (v) => 10 ** v],
  memory: [(v) => -Math.log10(1 - v), (v) => 1 - 10 ** -v], // 0, .9 and .99 equally far apart
};
const DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** 0.25, 1,230, −3, 3·10⁻⁴: `digits` significant ones. */
export function number(v, digits = 3) {
  const size = Math.abs(v);
  if (!Number.isFinite(v)) return "–";
  if (size && (size < 0.00095 || size >= 1e5)) {
    const [m, e] = v.toExponential(1).split("e").map(Number);
    const power = `10${e < 0 ? "⁻" : ""}${[...String(Math.abs(e))].map((c) => DIGITS[c]).join("")}`;
    return m === 1 ? power : `${String(m).replace("-", "−")}·${power}`;
  }
  return String(+v.toPrecision(digits)).replace("-", "−");
}

export const whole = (v) => Math.round(v).toLocaleString("en");

/** The finest nice set of ticks in [low, high] with at most `most` of them. */
export function ticks(scale, low, high, most) {
  if (scale === "memory") return [0, 0.9, 0.99].filter((v) => v >= low && v <= high);
  const slack = 1e-9 * (scale === "log" ? low : high - low);
  const inside = (list) => list.filter((v) => v >= low - slack && v <= high + slack);
  const sets = scale === "log" ? logSets() : linearSets(low, high);
  const found = sets.map(inside).find((set) => set.length <= most) ?? [];
  if (scale === "log" && found.length < 2 && high < 10 * low)
    return ticks("linear", low, high, most);
  return found.map((v) => +v.toPrecision(6));
}

function logSets() {
  const powers = Array.from({ length: 24 }, (_, e) => e - 14);
  const by = (factors, every = 1) =>
    powers.filter((e) => e % every === 0).flatMap((e) => factors.map((m) => m * 10 ** e));
  return [by([1, 2, 5]), by([1, 3]), by([1]), by([1], 2), by([1], 4)];
}

function linearSets(low, high) {
  const steps = Array.from({ length: 14 }, (_, e) => e - 7).flatMap((e) =>
    [1, 2, 5].map((m) => m * 10 ** e),
  );
  return steps
    .filter((step) => (high - low) / step <= 60)
    .map((step) => {
      const first = Math.ceil(low / step - 1e-9);
      const count = Math.floor(high / step + 1e-9) - first + 1;
      return Array.from({ length: Math.max(0, count) }, (_, k) => (first + k) * step);
    });
}
