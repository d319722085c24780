"""Training of the edge network: scenes with exact alpha, coarse mattes as the propagation makes them, and the run."""
