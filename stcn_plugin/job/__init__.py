"""A job: a shot prepared, propagated, finished and written."""
