"""Reads the configuration directory: organisation, people, and one file per department."""

from sync.configuration.load import BoundSource, Configuration, load
from sync.configuration.yaml_file import ConfigErrors, Problem

__all__ = ["BoundSource", "ConfigErrors", "Configuration", "Problem", "load"]
