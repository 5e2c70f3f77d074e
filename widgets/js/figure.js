// The script of `plot` and `explore`: curves, and a slider that changes them.
import { draw, Figure } from "./page_figure.js";

draw(Figure);
