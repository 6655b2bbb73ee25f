"""Schemas that are written elsewhere: in a TOML, JSON or YAML file, or as a pydantic model class.

Each is turned into the plain table that `Schema.from_dict` reads. The YAML parser is imported only
for a YAML file; pydantic never is, the class that the caller passes brings its fields along.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from instructuie.errors import SchemaError


def read_schema_file(path: Path) -> Any:
    """What the file holds. Raises SchemaError."""
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise SchemaError(f"unknown format; the name must end in {', '.join(_PARSERS)}")
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SchemaError(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _parse_toml(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SchemaError(f"not valid TOML: {error}") from error


def _parse_json(text: str) -> Any:
    import json

    def table(items: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_repeated_keys(key for key, _ in items)
        return dict(items)

    try:
        return json.loads(text, object_pairs_hook=table)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SchemaError(f"not valid JSON: {error}") from error


def _parse_yaml(text: str) -> Any:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        for node in _yaml_mappings(yaml.compose(text, yaml.SafeLoader)):
            _refuse_repeated_keys(str(key.value) for key, _ in node.value)
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise SchemaError(f"not valid YAML: {' '.join(str(error).split())}") from error


def _yaml_mappings(root: Any) -> Iterable[Any]:
    """Every table inside a YAML node, itself included, once each (anchors may repeat a node)."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if getattr(node, "id", "") == "mapping":
            yield node
            todo += [value for _, value in node.value]
        elif getattr(node, "id", "") == "sequence":
            todo += node.value


def _refuse_repeated_keys(keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise SchemaError(f"the key {key!r} is there twice; keep one")
        seen.add(key)


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    ".toml": _parse_toml,
    ".json": _parse_json,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
}


def read_model_class(model: type[Any]) -> dict[str, Any]:
    """The labels that the fields of a pydantic model class describe. Raises SchemaError.

    `Schema.from_pydantic` says which field means what.
    """
    groups: dict[str, list[Any]] = {"entities": [], "relations": [], "events": []}
    for name, field in _model_fields(model).items():
        inner = _inner_type(field.annotation)
        parts: Mapping[str, Any] = getattr(inner, "model_fields", {})
        if inner is str:
            groups["entities"].append(_label(name, field))
        elif set(parts) == {"head", "tail"}:
            groups["relations"].append(_label(name, field))
        elif "trigger" in parts:
            roles = [_label(part, f) for part, f in parts.items() if part != "trigger"]
            groups["events"].append({**_label(name, field), "roles": roles})
        else:
            raise SchemaError(
                f"the field {name!r} of {model.__name__} has the type {field.annotation!r}; "
                "expected str (an entity), a model with head and tail (a relation) or a model "
                "with trigger (an event), or a list of one of them"
            )
    return {kind: labels for kind, labels in groups.items() if labels}


def _model_fields(model: object) -> Mapping[str, Any]:
    fields = getattr(model, "model_fields", None) if isinstance(model, type) else None
    if not isinstance(model, type) or not isinstance(fields, Mapping):
        raise SchemaError(f"expected a pydantic (version 2) model class, got {model!r}")
    return fields


def _label(name: str, field: Any) -> dict[str, str]:
    label = field.title or name.replace("_", " ")
    return {"name": label, "description": field.description or ""}


_WRAPPERS = (list, tuple, set, frozenset, Sequence, Union, types.UnionType)


def _inner_type(annotation: Any) -> Any:
    """The type inside `list[...]`, `tuple[..., ...]`, `set[...]` and `... | None`."""
    parts = [part for part in get_args(annotation) if part not in (type(None), Ellipsis)]
    wrapped = get_origin(annotation) in _WRAPPERS and len(parts) == 1
    return _inner_type(parts[0]) if wrapped else annotation
