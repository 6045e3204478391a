"""The stem: models, training, inference, retrieval and storage shared by the apps; it knows nothing of any of them."""
