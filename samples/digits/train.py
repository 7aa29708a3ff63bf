"""Train the network on scikit-learn's digits, and keep the test set as plain arrays."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from model import DigitNet
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn import functional as F

EPOCHS = 20
BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    scans, labels = load_digits(return_X_y=True)
    scans = (scans / 16).astype("float32").reshape(-1, 1, 8, 8)
    parts = train_test_split(scans, labels, test_size=500, random_state=0, stratify=labels)
    train_x, test_x, train_y, test_y = parts
    np.savez(output / "test.npz", x=test_x, y=test_y)
    started = time.perf_counter()
    model = train(torch.from_numpy(train_x), torch.from_numpy(train_y))
    save_file(model.state_dict(), output / "digits.safetensors")
    print(f"trained on {len(train_x)} scans in {time.perf_counter() - started:.0f} s")


def train(x: torch.Tensor, y: torch.Tensor) -> DigitNet:
    """x: [n, 1, 8, 8] in 0..1; y: [n] digits. Every exit is trained alike."""
    model = DigitNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = sum(F.cross_entropy(logits, y[batch]) for logits in model.all_exits(x[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model.eval()


if __name__ == "__main__":
    main()
