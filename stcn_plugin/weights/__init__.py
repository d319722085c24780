"""Weights: reading them safely, the store, downloads, and the starter weights of the package."""
