"""OnCallLab: four ranks train, faults strike, and the learner is the operator."""
