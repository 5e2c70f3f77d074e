"""Gradient transforms, chained: what an optimiser does between the gradient and the step."""
