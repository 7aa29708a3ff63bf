"""Which command is meant, and what is said of a command line that cannot be read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from dyncc.compiler.cli.exits import CliError, absent, similar, usage

FLAGS = frozenset({"-v", "--verbose", "-q", "--quiet", "--json"})
"""Options that may stand before the command."""


def route(args: list[str], commands: Collection[str]) -> list[str]:
    """The arguments with the command first: ``compile`` where none is named.

    Raises a usage error for a word that is neither a command nor looks like a file.
    """
    if not args or args[0] in ("-h", "--help", "--version", *commands):
        return args
    flags = 0
    while flags < len(args) and args[flags] in FLAGS:
        flags += 1
    if flags < len(args) and args[flags] in commands:
        return [args[flags], *args[:flags], *args[flags + 1 :]]
    if flags < len(args) and not _is_target(args[flags]):
        raise _no_command(args[flags], commands)
    return ["compile", *args]


def _is_target(word: str) -> bool:
    """Whether ``word`` is an option or names a file, be it there or not."""
    return word.startswith("-") or Path(word).exists() or any(mark in word for mark in "./\\:")


def _no_command(word: str, commands: Collection[str]) -> CliError:
    near = similar(word, commands)
    if near is not None:
        return usage(f"there is no command `{word}`", f"did you mean `dyncc {near}`?")
    helps = ("dyncc FILE.py compiles a model; dyncc -h lists the commands",)
    return absent(
        Path(word).with_suffix(".py") if Path(f"{word}.py").is_file() else Path(word),
        *helps,
        what="file or command",
    )


def usage_error(error: Any) -> CliError:
    """What typer (or click, which it once used) says of the options, in our words."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dyncc"
    more = f"{command} -h says what it takes"
    option = str(getattr(error, "option_name", ""))
    if type(error).__name__ == "NoSuchOption":
        known = [name for parameter in context.command.params for name in parameter.opts] if context else []
        near = similar(option, known) or next((name for name in known if name.startswith(option)), None)
        helps = (f"did you mean `{near}`?",) if near else ()
        return usage(f"`{command}` has no option `{option}`", *helps, more)
    if type(error).__name__ == "MissingParameter":
        return usage(f"`{command}` needs {_name(error.param)}", *_form(context), more)
    text = error.format_message().rstrip(".")
    return usage(f"`{command}`: {text[:1].lower()}{text[1:]}", more)


def _form(context: Any) -> list[str]:
    """How the command is written: its arguments, those in brackets that may be left out."""
    arguments = [p for p in context.command.params if p.param_type_name == "argument"]
    words = [_name(argument) if argument.required else f"[{_name(argument)}]" for argument in arguments]
    return [f"write {' '.join([context.command_path, *words])}"]


def _name(parameter: Any) -> str:
    """A parameter as the help calls it."""
    if parameter is None:
        return "an argument"
    if parameter.param_type_name == "option":
        return parameter.opts[0]
    return parameter.metavar or parameter.name.upper()
