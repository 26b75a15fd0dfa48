"""Repeats what a tracker says, word for word. One folder per tracker; `contract` is the only door."""
