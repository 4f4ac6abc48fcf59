"""The deadlock oracle: small programs of a few threads, explored in full, and the static answer."""
