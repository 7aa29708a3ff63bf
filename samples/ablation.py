"""What each pass is worth: the samples compiled without it, timed in turns with the whole pipeline.

    python -m samples.ablation [--threads 1] [--rounds 21] NAME ...

A number over 1.00 is how many times longer a call takes without the pass (with a 95 % interval).
"""

import argparse
import tempfile
from pathlib import Path

from samples.evaluation import load_sample
from samples.tables import table

from dyncc.compiler import compile
from dyncc.compiler.bench.calls import Call, pack, write_calls
from dyncc.compiler.bench.contenders import DYNCC, Job
from dyncc.compiler.bench.figures import ratio
from dyncc.compiler.bench.process import Worker
from dyncc.compiler.bench.render import interval
from dyncc.passes.pipeline import DEFAULT_PIPELINE

PASSES = ("merge-blocks", "hoist-invariants", "fold-weights", "flatten-linear", "merge-reshapes")


def without(name: str) -> str:
    """The default pipeline without a pass, wherever it stands in it."""
    return ",".join(each for each in DEFAULT_PIPELINE.split(",") if each != name)


def measure(name: str, threads: int, rounds: int) -> list[str]:
    """A sample's line."""
    import numpy as np

    sample = load_sample(name)
    pipelines = {"": DEFAULT_PIPELINE, **{each: without(each) for each in PASSES}}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        calls = [Call(pack(args), {}) for args in sample.data.evaluation_inputs()]
        write_calls(folder / "calls", calls)
        workers: dict[str, Worker] = {}
        for each, passes in pipelines.items():
            bundle = folder / f"{each or 'all'}.dyncc"
            inputs = sample.model.example_inputs()
            compile(sample.model.get_model(), inputs, output=bundle, passes=passes, verify=False)
            job = Job(DYNCC, threads, folder / "calls", bundle=bundle, served=tuple(range(len(calls))))
            workers[each] = Worker(job, folder, 300)
        for worker in workers.values():
            worker.answer()
            worker.ask("turn")
        times = {each: np.array([worker.ask("turn")["times"]]) for each, worker in workers.items()}
        for _ in range(rounds - 1):
            for each, worker in workers.items():
                times[each] = np.vstack([times[each], [worker.ask("turn")["times"]]])
        for worker in workers.values():
            worker.close()
    return [name, *(interval(ratio(times[each], times[""])) for each in PASSES)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_intermixed_args()
    rows = [measure(name, options.threads, options.rounds) for name in options.names]
    print(table(("without", *PASSES), rows))


if __name__ == "__main__":
    main()
