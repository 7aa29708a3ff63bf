"""``dyncc prune NET.onnx`` and ``dyncc groups NET.onnx``: structured pruning of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import CliError, Exit, usage
from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.report.words import count

if TYPE_CHECKING:
    from onnx_ir import Model

    from dyncc.compiler.cli.discover import Target
    from dyncc.compiler.cli.prepare import Call
    from dyncc.compiler.pruning.bundle import Prune
    from dyncc.passes.prune.errors import PruneError
    from dyncc.passes.prune.groups import Network
    from dyncc.passes.prune.importance import Importance
    from dyncc.passes.prune.model import Report
    from dyncc.passes.prune.selection import Selection


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """The command line of ``dyncc prune``, as it was given."""

    target: str
    output: Path | None = None
    inputs: tuple[str, ...] = ()
    inputs_file: Path | None = None
    weights: Path | None = None
    data: Path | None = None
    profile: Path | None = None
    rare: float | None = None
    dynamic: tuple[str, ...] = ()
    threads: int | None = None
    force: bool = False
    verify: bool = True
    ratio: float | None = None
    parameters: float | None = None
    flops: float | None = None
    latency: float | None = None
    depth: float | None = None
    criterion: str = "l1"
    aggregate: str = "mean"
    normalize: str = "mean"
    scope: str = "group"
    minimum: int = 1
    multiple: int = 1
    keep: tuple[str, ...] = ()
    seed: int = 0

    def selection(self) -> Selection:
        from dyncc.passes.prune.selection import Selection

        ratio = self.ratio
        if self.rare is not None and (self.parameters, self.flops, self.latency) == (None, None, None):
            ratio = self.ratio or 0.0  # ways go, and no channel need
        return Selection(
            ratio,
            self.parameters,
            self.flops,
            self.scope,  # type: ignore[arg-type] -- what is no scope is refused by the class itself
            self.minimum,
            self.multiple,
            self.keep,
            self.latency,
            self.depth,
        )

    def importance(self, scores: Mapping[str, Any] | None = None) -> Importance:
        """``scores`` of single weights are for criteria of gradients."""
        from dyncc.passes.prune.importance import Importance

        return Importance(self.criterion, self.aggregate, self.normalize, self.seed, scores)  # type: ignore[arg-type]


def run_prune(options: PruneOptions, console: Console) -> None:
    """The whole command: an ONNX file becomes a smaller one, a model a smaller bundle."""
    from dyncc.passes.prune.importance import PLAIN

    if options.data is not None and options.criterion in PLAIN and options.depth is None:
        raise usage(
            f"the criterion `{options.criterion}` is of the weights alone, and takes no --data",
            "--criterion taylor (snip, grasp, crop, obs) or obspa",
        )
    if not options.target.endswith(".onnx"):
        _prune_model(options, console)
        return
    from dyncc.passes.prune.errors import PruneError

    for_models = {
        "--input": options.inputs,
        "--weights": options.weights,
        "--profile": options.profile,
        "--drop-rare": options.rare is not None,
        "--dynamic": options.dynamic,
        "--threads": options.threads,
        "--force": options.force,
    }
    if given := [name for name, value in for_models.items() if value]:
        raise usage(f"{given[0]} is for a model in Python; this is an ONNX file")
    try:
        _prune_file(Path(options.target), options, console)
    except PruneError as error:
        raise refused(error) from error


def _prune_file(file: Path, options: PruneOptions, console: Console) -> None:
    from dyncc.passes.prune.model import Pruning
    from dyncc.passes.prune.prepare import load
    from dyncc.passes.prune.save import save

    target = _output(file, options.output)
    inputs, data = read_arrays(options.inputs_file, "--inputs"), read_arrays(options.data, "--data")
    model = load(file)
    batches = None
    if data is not None:
        from dyncc.compiler.pruning.onnx_model import batches_of
        from dyncc.passes.prune.prepare import prepared

        batches = batches_of(prepared(model), data)
    importance = options.importance(_scores(model, options, batches))
    pruning = Pruning(options.selection(), importance, options.verify, inputs, batches)
    if options.criterion == "obspa":
        from dyncc.compiler.pruning.onnx_model import obspa

        names = {value.name for value in model.graph.inputs}
        with console.progress("refit") as progress:
            pruned = obspa(
                model,
                pruning,
                batches and [{k: v for k, v in batch.items() if k in names} for batch in batches],
                console.detail,
                lambda text: console.show([Diagnostic("", text, None, severity="warning")]),
                progress,
            )
    else:
        pruned = pruning.run(model)
    save(pruned.model, target)
    console.say(report_text(pruned.report))
    console.product(str(target), {"output": str(target), **report_json(pruned.report)})


def _scores(
    model: Model, options: PruneOptions, batches: Sequence[Mapping[str, Any]] | None
) -> Mapping[str, Any] | None:
    from dyncc.passes.prune.importance import GRADIENT
    from dyncc.passes.prune.prepare import prepared

    if options.criterion not in GRADIENT or batches is None:
        return None
    from dyncc.compiler.pruning.gradients import of_onnx

    return of_onnx(prepared(model), batches, options.criterion)


def _prune_model(options: PruneOptions, console: Console) -> None:
    """Compile a pruned program."""
    from dyncc.compiler.cli.compile_command import CompileOptions, require_packages, run_compile
    from dyncc.passes.prune.errors import PruneError

    require_packages()
    from dyncc.compiler.pruning.bundle import Prune

    arrays = read_arrays(options.data, "--data")

    def prune(target: Target, call: Call) -> Prune:
        """What is to be removed from the model that was found."""
        from dyncc.compiler.cli.prune_data import batches_of, scores
        from dyncc.passes.prune.importance import GRADIENT

        assert options.data is not None or arrays is None
        batches = batches_of(target, call, options.data, arrays) if options.data and arrays else None
        by: Mapping[str, Any] | None = None
        if batches and options.criterion in GRADIENT:
            by = scores(target, batches, options.criterion)
        calls = [batch.call for batch in batches] if batches else None
        importance = options.importance(by)
        return Prune(options.selection(), importance, calls, console.detail, progress, options.rare)

    if options.rare is not None and options.profile is None:
        raise usage("--drop-rare goes by a profile", "--profile FILE.npz")
    try:
        options.selection()
        if options.data is None:
            options.importance()
    except PruneError as error:
        raise refused(error) from error
    compiled = CompileOptions(
        target=options.target,
        output=options.output,
        inputs=options.inputs,
        inputs_file=options.inputs_file,
        weights=options.weights,
        verify=options.verify,
        prune=prune,
        profile=options.profile,
        dynamic=options.dynamic,
        threads=options.threads,
        force=options.force,
    )
    with console.progress("refit") as progress:
        run_compile(compiled, console)


def read_arrays(file: Path | None, option: str) -> dict[str, Any] | None:
    """The arrays of an ``.npz`` file. Raises a usage error where it is none."""
    if file is None:
        return None
    import numpy as np

    if not file.is_file():
        raise usage(f"no such file: {file}", notes=[f"named by {option}"])
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError) as error:
        raise usage(f"{file} is no .npz file of plain arrays", "write one with numpy.savez") from error


def _output(file: Path, output: Path | None) -> Path:
    target = output or file.with_suffix(".pruned.onnx")
    if not target.absolute().parent.is_dir():
        raise usage(f"no such folder: {target.absolute().parent}", notes=["named by --output"])
    if target.is_dir():
        raise usage(f"{target} is a folder", "-o FILE.onnx names a file")
    if target.exists() and file.exists() and target.samefile(file):
        raise usage("the output is the input, which is never changed", "-o FILE.onnx names another")
    return target


def refused(error: PruneError) -> CliError:
    """A refusal as the command line shows it: exit code 1, or 3 where the check failed.

    2 for bad numbers.
    """
    from dyncc.passes.prune.errors import InexactError, OptionError

    code = Exit.REFUSED
    if isinstance(error, InexactError):
        code = Exit.CHECK_FAILED
    elif isinstance(error, OptionError):
        code = Exit.USAGE
    return CliError(code, [Diagnostic("", error.message, None, helps=(error.help,) if error.help else ())])


def report_text(report: Report) -> str:
    """A few lines about what was removed."""
    before, after = report.before, report.after
    pruned = sum(group.kept < group.channels for group in report.groups)
    shares = [_share(a, b) for a, b in ((after.parameters, before.parameters), (after.flops, before.flops))]
    lines = [
        f"pruned    {pruned} of {count(len(report.groups), 'group')} by {report.criterion}"
        + _by_paths(report),
        f"left      {after.parameters:,} of {before.parameters:,} parameters ({shares[0]}), "
        f"{after.flops:,} of {before.flops:,} FLOPs ({shares[1]})",
    ]
    if report.time is not None:
        lines.append(
            f"time      {report.time:.2f} of the whole network's, in ONNX Runtime at one thread here"
        )
    if report.ways:
        lines.append(f"dropped   {count(len(report.ways), 'way')} of decisions")
        lines += [f"  {way}" for way in report.ways]
    if report.branches:
        lines.append(f"removed   {count(len(report.branches), 'residual branch')}")
        lines += [
            f"  {each.name}: {count(each.operators, 'operator')}, {100 * each.added:.2f} % of the sum"
            for each in report.branches
        ]
    if report.lossy:
        norms = count(len(report.lossy), "normalization")
        lines.append(f"lossy     {norms} now over fewer channels (the first: {report.lossy[0]})")
    if report.error is None:
        lines.append("checked   nothing (--no-verify)")
    else:
        error = f"{report.error:.1e}"
        lines.append(
            f"checked   equal to the original with the same channels zeroed, largest error {error}"
        )
    return "\n".join(lines)


def _by_paths(report: Report) -> str:
    return f", FLOPs a call over {count(report.calls, 'call')} of the profile" if report.calls else ""


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def report_json(report: Report) -> dict[str, Any]:
    return asdict(report)


def list_groups(
    net: str,
    inputs: tuple[str, ...],
    inputs_file: Path | None,
    weights: Path | None,
    console: Console,
) -> None:
    """Print the coupled groups of an ONNX file or of a model, and what stays and why."""
    from dyncc.passes.prune.errors import PruneError
    from dyncc.passes.prune.groups import groups_of_model
    from dyncc.passes.prune.prepare import load, prepared

    try:
        if net.endswith(".onnx"):
            if inputs or inputs_file or weights:
                raise usage("inputs and --weights are for a model in Python; this is an ONNX file")
            network = groups_of_model(prepared(load(Path(net))))
        else:
            network = _groups_of_target(net, inputs, inputs_file, weights, console)
    except PruneError as error:
        raise refused(error) from error
    console.product(groups_text(network, console.verbosity > 0), groups_json(network))


def _groups_of_target(
    net: str, inputs: tuple[str, ...], inputs_file: Path | None, weights: Path | None, console: Console
) -> Network:
    """The groups over all graphs of a model's program."""
    from dyncc.compiler.cli.compile_command import CompileOptions, prepare, require_packages, said_once
    from dyncc.compiler.cli.discover import discover

    require_packages()
    from dyncc.compiler.pruning.module import lowered
    from dyncc.passes.prune.program_groups import prepared_groups

    options = CompileOptions(net, inputs=inputs, inputs_file=inputs_file, weights=weights)
    target = discover(net)
    call = prepare(options, target, console)
    with said_once(console.verbosity > 0):
        program = lowered(target.model, call.args, call.kwargs or None)
    return prepared_groups(program.program, program.weights)


def groups_text(network: Network, verbose: bool) -> str:
    """A table of groups; under ``-v`` all weights, and every axis that stays, with the reason."""
    lines: list[str] = []
    for number, group in enumerate(network.groups):
        names = [f"{member.name}[{member.axis}]" for member in group.members]
        shown = names if verbose else names[:4]
        more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        lines.append(f"{number:4}  {group.size:5} channels  {group.name}: {', '.join(shown)}{more}")
    frozen = network.frozen
    reasons: dict[str, list[str]] = {}
    for one in frozen:
        reasons.setdefault(one.reason, []).append(f"{one.weight}[{one.axis}]")
    lines.append(f"{count(len(network.groups), 'group')}; {len(frozen)} axes of weights stay:")
    for reason, names in reasons.items():
        shown = names if verbose else names[:3]
        more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        lines.append(f"      {reason}: {', '.join(shown)}{more}")
    return "\n".join(lines)


def groups_json(network: Network) -> dict[str, Any]:
    return {
        "groups": [
            {
                "name": group.name,
                "channels": group.size,
                "members": [
                    {"weight": member.name, "axis": member.axis, "indices": int(member.indices.size)}
                    for member in group.members
                ],
            }
            for group in network.groups
        ],
        "frozen": [asdict(one) for one in network.frozen],
    }
