"""DescentLab: optimisers race on a surface."""
