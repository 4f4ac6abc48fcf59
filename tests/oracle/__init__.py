"""The oracle: random small lock programs, run over all their choices, against the static answer."""
