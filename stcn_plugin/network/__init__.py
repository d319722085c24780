"""The network: frames to keys, masks to values, readouts to logits. Knows neither files nor time."""
