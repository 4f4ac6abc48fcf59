"""Knowledge about libraries: tables of pure data, one file per library.

`table.default_table` has the kinds of lock; `calls` has facts about other callables.
"""
