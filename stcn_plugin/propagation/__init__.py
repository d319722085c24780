"""Propagation of objects through a shot, on tensors: no files, no hosts."""
