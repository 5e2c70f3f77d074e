"""Training itself: the loop, its history and knobs, checkpoints, recipes and replays."""
