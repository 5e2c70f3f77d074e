"""Labs: a network trains, and every knob is live."""

from .training_lab import TrainingLab

__all__ = ["TrainingLab"]
