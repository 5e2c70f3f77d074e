"""The instructor's side: run notebooks, compare and store their outputs, bring them to learners."""
