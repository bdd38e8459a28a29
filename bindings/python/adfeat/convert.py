#!/usr/bin/env python3
"""Convert network weights to the safetensors files that libadfeat reads; '--help' says more.

Runs as a script from any folder, as 'adfeat convert', and as 'python3 -m adfeat.convert'; the last
imports the package and with it the C library, which the conversion itself does not need.
"""
import os
import sys

if sys.version_info < (3, 9):
    sys.exit("convert.py: needs Python 3.9 or newer, this is %d.%d" % sys.version_info[:2])

if __package__:
    from ._convert.program import main
else:
    # Already the first entry unless Python was told not to (-P, PYTHONSAFEPATH).
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    from _convert.program import main

if __name__ == "__main__":
    sys.exit(main())
