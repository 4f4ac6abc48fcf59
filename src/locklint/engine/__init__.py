"""Runs: which files, in what order, with which settings, and what came out."""
