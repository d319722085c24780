"""Reviews of shots: a page to look at, an index of many, a movie, markers, and all figures as JSON."""
