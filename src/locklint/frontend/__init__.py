"""From source text to the intermediate representation, and from names to locks and callees."""
