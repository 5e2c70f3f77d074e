// The painters of panels by kind. `state` is the caller's, kept for one panel from frame to frame.
//
//   height(panel, width, box)                                  CSS px that the panel wants
//   paint(g, panel, arrays, theme, width, height, state)
//   point?(state, x, y)   the pointer, null when it leaves     true if the picture changes
//   key?(state, key)      a key: words to announce, "" for nothing to say, null if it is not ours
//   mount?(box, state, send, { later, ask })   elements over the canvas; send(kind, content) tells
//                                              the kernel, later(…) with the next frame
//   follow?(state, look)  the crosshair of the strips, null without one; true if it has moved

import { bars, samples } from "./classes.js";
import { diagram } from "./diagram.js";
import { layers, ridges } from "./layers.js";
import { map } from "./map.js";
import { network } from "./network.js";
import { note } from "./note.js";
import { spans } from "./spans.js";
import { surface } from "./surface.js";
import { tiles } from "./tiles.js";
import { trace } from "./trace.js";

export const PANELS = {
  network,
  map,
  tiles,
  bars,
  samples,
  ridges,
  layers,
  note,
  trace,
  surface,
  diagram,
  spans,
};
