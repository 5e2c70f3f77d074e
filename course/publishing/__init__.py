"""Run notebooks, compare and store their outputs, bring them to learners."""
