"""Trains encoder and decoder with teacher forcing on freshly drawn pictures.

python -m samples.captioner.train
"""

import torch
import torch.nn.functional as F
from samples.captioner.data import as_ids, scenes
from samples.captioner.model import HERE, VOCAB, Captioner
from samples.digit_images import TRAINING
from samples.training import fit, save


def main():
    torch.manual_seed(0)
    model = Captioner()

    def loss(step, generator):
        pictures, captions = scenes(64, generator, 0, TRAINING)
        words = as_ids(captions)
        logits = model.decoder(model.encoder(pictures), words)
        return F.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=VOCAB("<pad>"))

    fit(model, loss, steps=1200, lr=4e-3)
    pictures, captions = scenes(100, torch.Generator().manual_seed(7), 0, TRAINING)
    with torch.no_grad():
        right = sum(
            model(p[None])[0] == [VOCAB(w) for w in c] for p, c in zip(pictures, captions, strict=True)
        )
    print(f"captions without a fault: {right} %")
    save(model, HERE, {})


if __name__ == "__main__":
    main()
