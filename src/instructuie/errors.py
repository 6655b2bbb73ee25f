"""Every error that the package raises on purpose.

    InstructUIEError
    ├── SchemaError          labels, roles or a schema file that cannot be used
    ├── TaskError            an unknown task, or given items that do not fit the task
    ├── TextError            a text that cannot be read or does not fit the window
    ├── DataError            a native data file, card or prepared file that breaks its format
    ├── ModelError           a model folder that is missing, damaged or of another kind
    ├── ConfigError          a configuration file or value that cannot be used
    ├── EngineError          a language model or endpoint from which no completion can be had
    │   └── BudgetError      the next request could cost more than is left of the budget
    └── MissingExtraError    an optional dependency is not installed

A message says what is wrong, the value, what was expected and what to do next.
"""

from __future__ import annotations


class InstructUIEError(Exception):
    """Base of every error raised on purpose by this package."""


class SchemaError(InstructUIEError):
    """Labels, roles or a schema file cannot be used."""


class TaskError(InstructUIEError):
    """The task is unknown, or the given items do not fit it."""


class TextError(InstructUIEError):
    """A text cannot be read or does not fit the window."""


class DataError(InstructUIEError):
    """A data file breaks the rules of its format.

    `path`, `line` (1-based) and `content` say where; they are part of the message when known.
    `rule` is the message without them.
    """

    def __init__(
        self,
        message: str,
        *,
        path: object | None = None,
        line: int | None = None,
        content: str | None = None,
    ) -> None:
        self.path, self.line, self.content = path, line, content
        self.rule = message
        place = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        shown = "" if content is None else f" (found: {content[:120]!r})"
        super().__init__(f"{place}{message}{shown}")


class ModelError(InstructUIEError):
    """A model folder is missing, damaged or of another kind."""


class ConfigError(InstructUIEError):
    """A configuration file or value cannot be used."""


class EngineError(InstructUIEError):
    """No completion can be had from a language model or endpoint."""


class BudgetError(EngineError):
    """The next request could cost more than is left of the budget; what was answered is kept."""


class MissingExtraError(InstructUIEError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed: run  pip install 'instructuie[{extra}]'"
        )
