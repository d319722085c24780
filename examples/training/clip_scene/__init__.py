"""Random scenes for training clips: figures, materials, surroundings, light and motion."""
