"""The intermediate representation: a control-flow graph per function, closed and printable."""
