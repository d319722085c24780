"""Plates in, keyframe mattes in, mattes out: every picture file that is read or written."""
