"""The parts of convert.py: a file a kind of input, what networks hold, what a file's weights are, the program.

Standard library only; --half alone needs numpy.
"""
