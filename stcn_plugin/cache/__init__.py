"""What is kept of a shot between runs: probabilities, states of the memory, and records of what was made from what."""
