"""The leaves. ``APPS`` names those that exist; the shell, the HTTP service and the contract tests read it."""

APPS = ("chatbot", "monitor", "recommender")
