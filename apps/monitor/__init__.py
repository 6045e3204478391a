"""The financial sentiment monitor: reads news as it comes, follows company, topic and mood, raises alerts."""
