"""Trains on random numbers with teacher forcing.

python -m samples.translator.train
"""

import torch
import torch.nn.functional as F
from samples.training import fit, save
from samples.translator.data import as_source, as_target, numbers
from samples.translator.model import HERE, Lang, Translator


def main():
    torch.manual_seed(0)
    model = Translator()

    def loss(step, generator):
        values = numbers(128, generator)
        source, target = as_source(values), as_target(values)
        memory, hidden = model.encoder(source)
        mask = (source == Lang.PAD).unsqueeze(1)
        logits, _, _ = model.decoder(memory, hidden, mask, target)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=Lang.PAD)

    fit(model, loss, steps=1200, lr=4e-3)
    values = numbers(100, torch.Generator().manual_seed(7))
    with torch.no_grad():
        said = [model(as_source([v]))["tokens"][0].tolist() for v in values]
    right = sum(s == as_target([v])[0].tolist() for s, v in zip(said, values, strict=True))
    print(f"translations without a fault: {right} %")
    save(model, HERE, {})


if __name__ == "__main__":
    main()
