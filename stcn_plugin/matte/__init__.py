"""Mattes at plate resolution: from the probabilities of the network to what is delivered."""
