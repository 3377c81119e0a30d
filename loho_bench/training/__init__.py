"""How the embedded networks are made. Nothing of the benchmark itself imports this."""
