"""Effects of a program on its locks: states, summaries, facts. No syntax tree is seen here."""
