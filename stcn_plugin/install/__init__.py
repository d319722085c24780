"""Putting the plugins into the compositing tools, and taking them out again without a trace."""
