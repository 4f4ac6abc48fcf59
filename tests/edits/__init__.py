"""Random edits of packages: a run with the memory of the last one says what a cold run says."""
