"""What ``evaluate`` measures, one file per kind of question."""
