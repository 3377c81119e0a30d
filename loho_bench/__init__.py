"""loho_bench: the benchmark for hairstyle transfer that anyone can rerun."""

__version__ = "0.1.0"
