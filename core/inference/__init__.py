"""What models answer: tokens, classes and vectors, here or on a remote server."""
