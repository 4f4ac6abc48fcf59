"""What locklint knows of libraries: tables of pure data, one file per library.

`table.default_table` has the kinds of lock; `calls` says what is known of other callables.
"""
