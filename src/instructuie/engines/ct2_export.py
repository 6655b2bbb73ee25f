"""From a folder of transformers to one of CTranslate2, refused when it answers otherwise."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from instructuie.codec.formats import PromptFormat
from instructuie.engines import CT2_CONFIG
from instructuie.engines.agreement import Agreement
from instructuie.engines.base import Engine, Request
from instructuie.engines.ct2 import Ct2Config, Ct2Engine
from instructuie.engines.hf import HfEngine
from instructuie.engines.hf_load import quiet
from instructuie.errors import MissingExtraError, ModelError
from instructuie.grounding import ground
from instructuie.prompt import Prompt

MIN_AGREEMENT = 0.99
_BART: dict[str, object] = {
    "normalize_before": False,
    "normalize_embedding": True,
    "add_final_layer_norm": False,
}
"""What the converter asks of a BART's configuration, which no longer has it written out."""


def export(
    source: Path,
    output: Path,
    prompts: Sequence[Prompt],
    form: PromptFormat,
    *,
    quantization: str = "int8",
    min_agreement: float = MIN_AGREEMENT,
    card: str = "",
) -> Agreement | None:
    """Write `output`, with a card if there is one; returns its agreement with the original in float32,
    None without prompts.

    Raises ModelError, and leaves `output` as it was, when that is below `min_agreement`.
    """
    original = HfEngine.load(source, dtype="float32", constrain=False)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        _convert(source, folder, quantization)
        _name_tokens(folder / "config.json", original.tokenizer)
        config = _config(original, quantization)
        _write_config(folder, config)
        agreement = None
        if prompts:
            agreement = compare(original, Ct2Engine.load(folder), prompts, form)
            if agreement.share < min_agreement:
                raise ModelError(
                    f"the {quantization} model agrees with the original on "
                    f"{100 * agreement.share:.2f}% of {agreement.either} items, expected at least "
                    f"{100 * min_agreement:.0f}%: export another quantization (float32 agrees best), "
                    "or say with min_agreement what is enough"
                )
            _write_config(folder, replace(config, agreement=round(agreement.share, 4)))
        if card := card or original.card:
            (folder / "README.md").write_text(card, encoding="utf-8")
        _put(folder, output)
    return agreement


def compare(
    first: Engine, second: Engine, prompts: Sequence[Prompt], form: PromptFormat
) -> Agreement:
    """Counts the items that two engines find for the same prompts."""
    requests = [Request(form.render(prompt), prompt) for prompt in prompts]
    same = either = 0
    answers = zip(prompts, first.complete(requests), second.complete(requests), strict=True)
    for prompt, one, other in answers:
        left, right = (_items(form, prompt, said.text) for said in (one, other))
        same += 2 * len(left & right)
        either += len(left) + len(right)
    return Agreement(same, either)


def _items(form: PromptFormat, prompt: Prompt, completion: str) -> set[str]:
    """Each item as one string, by its place in the text: tokenizers put blanks around other marks.

    An answer without any is one too, or one gone wrong would be free.
    """
    grounded, _ = ground(form.read(prompt, completion).extraction, prompt.text)
    row = grounded.extraction.to_dict()
    items = {json.dumps([kind, item]) for kind, found in row.items() for item in found}
    return items or {"".join(completion.split())}


def _convert(source: Path, folder: Path, quantization: str) -> None:
    try:
        from ctranslate2.converters import TransformersConverter
    except ModuleNotFoundError as error:
        raise MissingExtraError("export to CTranslate2", extra="ct2") from error
    if not list(source.glob("*.safetensors")):
        raise ModelError(f"{source} has no *.safetensors; only safetensors are read")
    with tempfile.TemporaryDirectory() as scratch:
        readable = Path(scratch) / source.name
        shutil.copytree(source, readable, symlinks=True)
        _complete_config(readable / "config.json")
        try:
            converter = TransformersConverter(str(readable), copy_files=["tokenizer.json"])
            with quiet():
                converter.convert(str(folder), quantization=quantization)
        except Exception as error:  # the converter raises whatever comes up
            raise ModelError(f"CTranslate2 cannot convert {source}: {error}") from error


def _complete_config(path: Path) -> None:
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if config.get("model_type") == "bart":
        path.write_text(json.dumps(_BART | config), encoding="utf-8")


def _name_tokens(path: Path, tokenizer: Any) -> None:
    """CTranslate2 wants all three of these named; a tokenizer such as BERT's has other names for them."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    end = tokenizer.eos_token or tokenizer.sep_token
    usual = {
        "bos_token": tokenizer.bos_token or tokenizer.cls_token or end,
        "eos_token": end,
        "unk_token": tokenizer.unk_token or end,
    }
    named = {key: config.get(key) or token for key, token in usual.items()}
    path.write_text(json.dumps(config | named), encoding="utf-8")


def _config(original: HfEngine, quantization: str) -> Ct2Config:
    ends, tokenizer = original.ends, original.tokenizer
    special = (tokenizer.bos_token_id, tokenizer.cls_token_id, tokenizer.pad_token_id)
    skipped = (*ends, *(token for token in special if token is not None))
    return Ct2Config(
        seq2seq=original.seq2seq,
        max_input_tokens=original.max_input_tokens,
        ends=ends,
        skipped=tuple(dict.fromkeys(skipped)),
        quantization=quantization,
    )


def _write_config(folder: Path, config: Ct2Config) -> None:
    row = json.dumps(asdict(config), indent=1)
    (folder / CT2_CONFIG).write_text(row + "\n", encoding="utf-8")


def _put(folder: Path, output: Path) -> None:
    """Into place, in one step as far as the system allows."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial, previous = (output.with_name(f"{output.name}.{end}") for end in ("part", "old"))
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(folder, partial)
    if output.exists():
        shutil.rmtree(previous, ignore_errors=True)
        output.rename(previous)
    partial.rename(output)
    shutil.rmtree(previous, ignore_errors=True)
