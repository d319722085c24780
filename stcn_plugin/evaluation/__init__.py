"""How good mattes are, measured against a truth."""
