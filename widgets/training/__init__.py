"""TrainingLab: a network trains, and every knob is live."""
