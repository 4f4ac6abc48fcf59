"""Cheap facts about whole files: what mentions locks, and what is declared where."""
