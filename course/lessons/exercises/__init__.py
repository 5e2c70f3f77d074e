"""The judges of the exercises, one module a chapter, and what some of them are judged on."""
