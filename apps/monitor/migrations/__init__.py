"""Revisions of the monitor's tables, oldest first; a released one is never edited."""
