"""Workers: what a contender that fails, hangs or dies says."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.bench.networks import Remembers, bundle

from dyncc.compiler.bench.calls import Call, pack, write_calls
from dyncc.compiler.bench.contenders import DYNCC, EAGER, Job, Model
from dyncc.compiler.bench.measure import Entry, Measuring, Settings, Subject
from dyncc.compiler.bench.oracle import Ways
from dyncc.compiler.bench.process import ContenderFailed, Worker


def job(tmp_path: Path, text: str) -> Job:
    (tmp_path / "worker_net.py").write_text(text)
    write_calls(tmp_path / "calls", [Call(pack((torch.ones(2),)), {})])
    return Job(EAGER, 1, tmp_path / "calls", Model(str(tmp_path / "worker_net.py")), served=(0,))


def test_an_exception_is_the_reason(tmp_path: Path) -> None:
    text = "def get_model():\n    def net(x):\n        raise ValueError('not today')\n    return net\n"
    worker = Worker(job(tmp_path, text), tmp_path, 60)
    with pytest.raises(ContenderFailed, match="ValueError: not today"):
        worker.answer()


def test_a_process_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    text = "import os\ndef get_model():\n    def net(x):\n        os._exit(3)\n    return net\n"
    worker = Worker(job(tmp_path, text), tmp_path, 60)
    with pytest.raises(ContenderFailed, match="ended with code 3"):
        worker.answer()


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    text = "import time\ndef get_model():\n    time.sleep(60)\n"
    worker = Worker(job(tmp_path, text), tmp_path, 0.5)
    with pytest.raises(ContenderFailed, match="no answer within"):
        worker.answer()
    assert worker.process.poll() is not None


def test_what_is_wrong_is_not_timed(tmp_path: Path) -> None:
    subject = Subject((), None, None, "", Ways(), False, False)
    measuring = Measuring(subject, Settings(), tmp_path)
    with pytest.raises(ContenderFailed, match="wrong on 1 of 2 calls: result 0: 1 of 1 numbers differ"):
        measuring._check(Entry("x"), [[np.ones(1)], [np.ones(1)]], [[np.ones(1)], [np.zeros(1)]])


def test_state_is_put_back_before_each_call(tmp_path: Path) -> None:
    path = bundle(Remembers(), torch.ones(3), tmp_path)
    write_calls(tmp_path / "calls", [Call(pack((torch.full((3,), 0.4),)), {})] * 3)
    state = Job(DYNCC, 1, tmp_path / "calls", bundle=path, served=(0, 1, 2), stateful=True)
    worker = Worker(state, tmp_path, 60)
    try:
        worker.answer()
        worker.ask("outputs", file=str(tmp_path / "out"))
        assert len(worker.ask("turn")["times"]) == 3
        results = pickle.loads((tmp_path / "out").read_bytes())
        assert [result[0].tolist() for result in results] == [[pytest.approx(0.4)] * 3] * 3
    finally:
        worker.close()
