"""The still painter: the same picture as in the browser, drawn by matplotlib as a PNG."""

from .page import figure_of, still

__all__ = ["figure_of", "still"]
