"""The REST service under /v1: its routes, the shapes of its answers, and what all of them have in common."""
