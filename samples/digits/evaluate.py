"""Run the test set through the bundle, one scan at a time, in a process that cannot import torch."""

import json
import sys
import time
from pathlib import Path

sys.modules["torch"] = None  # an import of it anywhere would now fail

import numpy as np

from dyncc.runtime import load

ROUNDS = 3


def main() -> None:
    build = Path(sys.argv[1])
    test, eager = np.load(build / "test.npz"), np.load(build / "eager.npz")
    net = load(build / "digits.dyncc", threads=1)
    scans = np.split(test["x"], len(test["x"]))
    seconds = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        outputs = [net(scan) for scan in scans]
        seconds = min(seconds, time.perf_counter() - started)
    logits = np.concatenate([logits for logits, _ in outputs])
    exits = np.array([number for _, number in outputs])
    report(test["y"], logits, exits, eager)
    compiled, original = (
        1e6 * seconds / len(scans),
        json.loads((build / "eager.json").read_text())["microseconds"],
    )
    print(
        f"time        {compiled:.0f} µs a scan, PyTorch {original:.0f} µs ({original / compiled:.1f} times)"
    )
    if not np.array_equal(exits, eager["exits"]) or not np.allclose(logits, eager["logits"], 1e-3, 1e-4):
        sys.exit("the bundle differs from PyTorch")


def report(labels: np.ndarray, logits: np.ndarray, exits: np.ndarray, eager: dict[str, np.ndarray]) -> None:
    accuracy = (logits.argmax(1) == labels).mean()
    reference = (eager["logits"].argmax(1) == labels).mean()
    print(f"accuracy    {accuracy:.1%} of {len(labels)} test scans, PyTorch {reference:.1%}")
    taken = ", ".join(f"exit {n}: {count}" for n, count in enumerate(np.bincount(exits)))
    print(f"exits       {taken}")
    print(f"difference  {np.abs(logits - eager['logits']).max():.1e} at most between the logits")


if __name__ == "__main__":
    main()
