"""Scenes of chance for training clips: figures, paint, surroundings, light and motion."""
