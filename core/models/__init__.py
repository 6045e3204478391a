"""Which models there are, on which device they run, and how they and their adapters are loaded."""
