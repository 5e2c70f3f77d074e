"""The release of this course: one place for the package, recipes and updates."""

__version__ = "0.1.0"
