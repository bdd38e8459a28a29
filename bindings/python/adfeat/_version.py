"""The version, equal to that of include/adfeat.h; a literal, so that setuptools reads it without importing."""
VERSION = "0.1.0"
