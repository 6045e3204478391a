"""The stem: models, training, inference, retrieval and storage shared by the apps; it knows nothing of any of them."""

import os

# GNU OpenMP, under torch, faiss and scikit-learn, reads this when it is loaded. By default its threads wait spinning
# for each other, for milliseconds: beside any other process that computes, a training step on two cores took up to
# twenty times as long. After a thousand turns they sleep instead, which costs nothing measurable on a quiet machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
