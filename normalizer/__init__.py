"""Translates every department's words onto one format and one cadence. Pure functions: no I/O, no clock."""
