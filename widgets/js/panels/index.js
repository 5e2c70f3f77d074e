// The painters of panels by kind. `state` is the caller's, kept for one panel from frame to frame.
//
//   height(panel, width)                                       CSS px that the panel wants
//   paint(g, panel, arrays, theme, width, height, state)
//   point?(state, x, y)   the pointer, null when it leaves     true if the picture changes
//   key?(state, key)      a key: words to announce, "" for nothing to say, null if it is not ours

import { bars, samples } from "./classes.js";
import { layers, ridges } from "./layers.js";
import { map } from "./map.js";
import { network } from "./network.js";
import { note } from "./note.js";
import { tiles } from "./tiles.js";

export const PANELS = { network, map, tiles, bars, samples, ridges, layers, note };
