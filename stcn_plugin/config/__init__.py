"""Layered YAML: plain values with the file and line of each, merged in layers and validated by a model."""
