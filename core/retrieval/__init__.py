"""Finding passages: words, vectors, and both together."""
