"""Run the test set through PyTorch, one scan at a time on one thread: what the bundle is compared with."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from model import DigitNet
from safetensors.torch import load_file

ROUNDS = 3


def main() -> None:
    build = Path(sys.argv[1])
    torch.set_num_threads(1)
    model = DigitNet().eval()
    model.load_state_dict(load_file(build / "digits.safetensors"))
    scans = torch.from_numpy(np.load(build / "test.npz")["x"]).split(1)
    seconds = float("inf")
    with torch.inference_mode():
        for _ in range(ROUNDS):
            started = time.perf_counter()
            outputs = [model(scan) for scan in scans]
            seconds = min(seconds, time.perf_counter() - started)
    np.savez(
        build / "eager.npz",
        logits=torch.cat([logits for logits, _ in outputs]).numpy(),
        exits=np.array([number for _, number in outputs]),
    )
    (build / "eager.json").write_text(json.dumps({"microseconds": 1e6 * seconds / len(scans)}))


if __name__ == "__main__":
    main()
