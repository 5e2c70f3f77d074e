// A network with two inputs, evaluated on a grid over the plane from its weights.

export const GRID = 64; // columns and rows; row 0 is the upper edge of the extent
const NOTHING = new Float32Array(GRID * GRID);

/** The error function, to 1.5e-7. Source: Abramowitz & Stegun, 7.1.26. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const high = 1.421413741 + t * (-1.453152027 + t * 1.061405429);
  const value = 1 - t * (0.254829592 + t * (-0.284496736 + t * high)) * Math.exp(-x * x);
  return x < 0 ? -value : value;
}

const ACTIVATIONS = {
  tanh: Math.tanh,
  relu: (z) => (z > 0 ? z : 0),
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  gelu: (z) => 0.5 * z * (1 + erf(z * Math.SQRT1_2)),
};

/** Where each layer's weights start: W (out, in) by rows, then b (out). */
export function offsets(sizes) {
  const starts = [0];
  for (let l = 1; l < sizes.length; l++) starts.push(starts[l - 1] + (sizes[l - 1] + 1) * sizes[l]);
  return starts;
}

/** The weights of neuron j of layer l, and its bias. Layer 0 is the input. */
export function neuron(sizes, weights, l, j) {
  const start = offsets(sizes)[l - 1];
  const n = sizes[l - 1];
  const from = start + j * n;
  return { weights: weights.subarray(from, from + n), bias: weights[start + n * sizes[l] + j] };
}

/** Weights and bias of the log odds of class 1: of one output, or the difference of two. */
export function logOdds(sizes, weights) {
  const last = sizes.length - 1;
  const first = neuron(sizes, weights, last, 0);
  if (sizes[last] === 1) return first;
  const second = neuron(sizes, weights, last, 1);
  return {
    weights: second.weights.map((w, i) => w - first.weights[i]),
    bias: second.bias - first.bias,
  };
}

/** Write w · below + b into a map, four inputs at a time: a map is read and written less often. */
export function affine({ weights, bias }, below, map) {
  map.fill(bias);
  for (let i = 0; i < below.length; i += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => below[i + k] ?? NOTHING);
    const [u, v, w, z] = [0, 1, 2, 3].map((k) => weights[i + k] ?? 0);
    for (let p = 0; p < map.length; p++) map[p] += u * a[p] + v * b[p] + w * c[p] + z * d[p];
  }
}

/** {layers: one map a neuron, for the input and each hidden layer; output: the log odds}. */
export function newMaps(sizes) {
  const map = () => new Float32Array(GRID * GRID);
  const layers = sizes.slice(0, -1).map((n) => Array.from({ length: n }, map));
  return { layers, output: map() };
}

/** Evaluate the network of a panel ({sizes, activation, extent}) into maps of `newMaps`. */
export function evaluate({ sizes, activation, extent }, weights, maps) {
  fillInputs(maps.layers[0], extent);
  const f = ACTIVATIONS[activation];
  for (let l = 1; l < sizes.length - 1; l++) {
    maps.layers[l].forEach((map, j) => {
      affine(neuron(sizes, weights, l, j), maps.layers[l - 1], map);
      if (f) for (let p = 0; p < map.length; p++) map[p] = f(map[p]);
    });
  }
  affine(logOdds(sizes, weights), maps.layers.at(-1), maps.output);
}

function fillInputs([xs, ys], [x0, x1, y0, y1]) {
  for (let p = 0; p < xs.length; p++) {
    xs[p] = x0 + ((p % GRID) / (GRID - 1)) * (x1 - x0);
    ys[p] = y1 - (Math.floor(p / GRID) / (GRID - 1)) * (y1 - y0);
  }
}
