"""Lowering of source text to the intermediate representation, and resolution of names."""
