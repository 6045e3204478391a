"""Measurements of the monitor's reader, one file per kind of question; ``evaluation`` has the table of names."""
