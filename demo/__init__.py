"""A company to try it on: trackers on loopback that behave like the real ones."""
