"""The stem: models, training, inference, retrieval and storage shared by the apps; it knows nothing of any of them."""

import os

# GNU OpenMP, under torch, faiss and scikit-learn, reads this when it is loaded. By default its threads wait spinning
# for each other, for milliseconds, and beside any other process that computes each waits for the one that has no core.
# After a thousand turns they sleep instead; a quiet machine is no slower for it (``benchmarks/generation.py``).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
