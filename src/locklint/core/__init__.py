"""Plain data that every layer shares: sources, places, findings and settings."""
