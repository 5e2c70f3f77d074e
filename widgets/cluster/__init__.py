"""ClusterLab: one training step on many ranks, and what it costs."""
