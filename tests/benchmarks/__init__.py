"""netlib beside its peers.  `make bench` runs all of it, `python -m tests.benchmarks wire` one file.

Each `bench_*.py` here has a function `results()` that yields `Result`s: what was measured, and the target.
Only ratios taken in one run, on one machine, mean something; so that is what is measured.
"""
