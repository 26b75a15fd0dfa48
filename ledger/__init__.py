"""Remembers what was said and when. Knows time and SQL; knows no tracker, no scale, no HTTP."""
