"""The stem: models, training, inference, retrieval and storage shared by the applications; it knows nothing of any of them."""
