"""Scenes of 3D models and HDRIs."""
