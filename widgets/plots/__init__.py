"""Figures of the chapters: curves in three lines of code, and figures that a slider moves."""
