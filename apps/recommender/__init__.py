"""The text-aware recommender: reads what items say and what people did; returns accurate, varied lists with reasons."""
