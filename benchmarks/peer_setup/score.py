"""SSIMULACRA2 of pairs of pictures: a line of two paths in, a line with the score out, until the input ends.

Runs in a virtual environment of its own (numpy and scipy are none of Imagemill's business).
"""

import sys

from ssimulacra2 import compute_ssimulacra2  # type: ignore[import-not-found]  # installed where this runs, not here

for line in sys.stdin:
    reference, picture = line.rstrip("\n").split("\t")
    print(compute_ssimulacra2(reference, picture), flush=True)
