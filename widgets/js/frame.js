// A frame: header length (uint32), header (JSON), payload. The header's `arrays` say what lies where.

const BACK = { linear: (v) => v, log: (v) => 10 ** v };
const NAN = 65535; // of a quantised array

/** The picture of a frame, its arrays decoded; null for an empty one. `frame`: a DataView. */
export function decode(frame) {
  if (!frame || frame.byteLength < 8) return null;
  const size = frame.getUint32(0, true);
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength);
  const picture = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const payload = bytes.slice(4 + size).buffer; // a copy: a message's buffer need not be aligned
  for (const [name, place] of Object.entries(picture.arrays)) {
    picture.arrays[name] = array(payload, ...place);
  }
  return picture;
}

function array(payload, at, length, type, scale, low, high) {
  if (type === 0) return new Float32Array(payload, at, length);
  if (type === 1) return new Uint8Array(payload, at, length);
  const back = BACK[scale];
  return Float32Array.from(new Uint16Array(payload, at, length), (q) =>
    q === NAN ? Number.NaN : back(low + (q / (NAN - 1)) * (high - low)),
  );
}

/** The x values of a layer: an array's name, or [first, distance] for `length` points. */
export function xs(x, length, arrays) {
  if (typeof x === "string") return arrays[x];
  return Float32Array.from({ length }, (_, i) => x[0] + i * x[1]);
}
