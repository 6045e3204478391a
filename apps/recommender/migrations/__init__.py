"""Revisions of the recommender's tables, oldest first; a released one is never edited, the next one is added."""
