"""``python -m loho_bench.cli``: the same as the console script ``loho-bench``."""

from loho_bench.cli.app import main

if __name__ == "__main__":
    main()
