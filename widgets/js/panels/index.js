// The painters of panels by kind. `state` is the caller's, kept for one panel from frame to frame.
//
//   height(panel, width)                                       CSS px that the panel wants
//   paint(g, panel, arrays, theme, width, height, state)
//   point?(state, x, y)   the pointer, null when it leaves     true if the picture changes
//   key?(state, key)      a key: words to announce, "" for nothing to say, null if it is not ours
//   mount?(box, state, send)   elements over the canvas; send(kind, content) tells the kernel

import { bars, samples } from "./classes.js";
import { layers, ridges } from "./layers.js";
import { map } from "./map.js";
import { network } from "./network.js";
import { note } from "./note.js";
import { tiles } from "./tiles.js";
import { trace } from "./trace.js";

export const PANELS = { network, map, tiles, bars, samples, ridges, layers, note, trace };
