"""Networks with forward and backward passes written by hand, their losses and curvature."""
