"""BackpropLab: every number of one forward and backward pass."""
