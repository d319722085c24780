"""Scenes of models and skies that others made: read, posed, lit and moved."""
