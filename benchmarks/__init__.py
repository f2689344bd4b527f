"""Benchmarks: one file each, all started by `make bench`; the figures of the last run are in `results/latest.json`.

Every comparison is made side by side in one run, in interleaved pairs, because the machine is shared and its speed
drifts: a ratio of two figures taken a minute apart is not a measurement.
"""
