"""One training step on many devices: every strategy written once, against a small communicator."""
