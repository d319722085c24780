"""Propagation: one set of objects, frames in, probabilities out. Knows neither files nor hosts."""
