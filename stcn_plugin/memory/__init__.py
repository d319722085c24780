"""Memory bank of the network: what is stored, what is evicted, and how query pixels read from it."""
