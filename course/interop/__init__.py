"""Models and optimisers of PyTorch: theirs in this course, the chains of this course in theirs."""
