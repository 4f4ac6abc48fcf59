"""What the program does with its locks: states, summaries, facts. No syntax tree is seen here."""
