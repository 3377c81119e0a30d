"""The command line: one thin command per stage of the benchmark."""

from loho_bench.cli.app import main

__all__ = ["main"]
