"""The examples of a bundle, run again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from dyncc.runtime.bundle import EXAMPLES, load
from dyncc.runtime.errors import BundleError, DamagedBundle, EngineMissing
from dyncc.runtime.examples import EXAMPLES_SEED, Example, Outcome, differences, unpack
from dyncc.runtime.net import Net, SessionNet
from dyncc.runtime.session import Session


def replay(path: str | os.PathLike[str] | Net, **options: Any) -> list[Outcome]:
    """Run the examples of a bundle again and compare. ``options`` are those of :func:`load`."""
    net = path if isinstance(path, Net) else load(path, **options)
    examples = net.manifest.examples
    if not examples:
        return []
    file = os.path.join(net.folder, EXAMPLES)
    try:
        stored = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DamagedBundle(f"{file} is missing or damaged ({error})") from error
    sessions: dict[int, SessionNet] = {}
    for example in examples:
        if example.session not in sessions:
            sessions[example.session] = net.session()
            Session.seed(sessions[example.session], EXAMPLES_SEED)
    with stored:
        return [
            _replay_one(index, example, sessions[example.session], stored)
            for index, example in enumerate(examples)
        ]


def _replay_one(index: int, example: Example, session: Session, stored: Mapping[str, Any]) -> Outcome:
    values = {name: unpack(packed, stored) for name, packed in example.inputs.items()}
    wanted = example.raises
    try:
        output = Session.run_inputs(session, example.method, values)
    except (BundleError, EngineMissing):
        raise  # nothing was run: that is no answer of the program
    except Exception as error:
        if wanted is not None and (type(error).__name__, str(error)) == (wanted.name, wanted.message):
            return Outcome(index, example.method, True, 0.0)
        return Outcome(index, example.method, False, 0.0, (f"raised {type(error).__name__}: {error}",))
    if wanted is not None or example.expected is None:
        return Outcome(index, example.method, False, 0.0, (f"expected an exception {wanted}",))
    found = list(differences(example.expected, output, stored, example.atol, example.rtol))
    messages = tuple(message for message, _ in found if message is not None)
    return Outcome(
        index, example.method, not messages, max((error for _, error in found), default=0.0), messages
    )
