"""Weights: safe reading, the store, downloads, and the starter weights of the package."""
