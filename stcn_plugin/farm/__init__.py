"""Shots as tasks of a render farm: one command per segment, for any queue."""
