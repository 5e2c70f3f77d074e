"""Data sets, what is done to their rows, and the order in which rows are drawn."""
