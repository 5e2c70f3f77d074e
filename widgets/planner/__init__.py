"""PlannerLab: what a Transformer on N devices needs, takes and costs, with every number a knob."""
