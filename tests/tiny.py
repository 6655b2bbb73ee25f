"""A model as small as can be, made on the fly: two layers of width 32 over a toy vocabulary.

Everything that needs torch is imported on use, so that the tests of the light core run without it.
"""

from __future__ import annotations

import atexit
import gzip
import json
import shutil
import string
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from instructuie.data.prepared import FORMAT, Prepared, read_prepared
from instructuie.data.record import Record
from instructuie.pointer.encoding import Encoder, Markers
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNUSED = tuple(f"[unused{index}]" for index in range(1, 5))
CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation + "αβ語北京"
VOCABULARY = (*SPECIAL, *UNUSED, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), "find", "person")
MARKERS = Markers(cls=2, sep=3, pad=0, entity=5, relation=6, event=7, role=8)


def toy_tokenizer() -> Tokenizer:
    """Uncased wordpieces of one character, as far as CHARACTERS go; control characters vanish."""
    ids = {piece: index for index, piece in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([*SPECIAL, *UNUSED])
    return tokenizer


def toy_encoder(*, max_tokens: int = 512) -> Encoder:
    return Encoder(toy_tokenizer(), MARKERS, max_tokens=max_tokens)


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="instructuie-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def encoder_folder() -> Path:
    """A BERT of random weights with its tokenizer, as `AutoModel` and `AutoTokenizer` read them."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = _scratch() / "encoder"
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=toy_tokenizer(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    return folder


@cache
def model_folder() -> Path:
    """An untrained pointer model as training leaves it: weights, config, tokenizer.

    Random weights are scaled up, so that the moves are far from equally likely.
    """
    torch = pytest.importorskip("torch")
    from dataclasses import asdict

    from instructuie.pointer.model import warm_start

    folder = _scratch() / "model"
    encoder = encoder_folder()
    torch.manual_seed(1)
    model = warm_start(encoder, asdict(MARKERS))
    with torch.no_grad():
        model.shape_embedding.weight.normal_(std=0.02)
        model.query.weight.mul_(4)
    model.save(folder)
    toy_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@cache
def exported_folder() -> Path:
    """The same model in ONNX, fp32."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from instructuie.training.export import export

    folder = _scratch() / "exported"
    export(model_folder(), folder, (), int8=False, card="# Tiny\n")
    return folder


def mention(text: str, words: str, nth: int = 0) -> Mention:
    """The nth occurrence of `words` in `text`."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(words, start + 1)
    return Mention.of(text, start, start + len(words))


def record(
    text: str,
    *,
    entities: Sequence[tuple[str, str]] = (),
    relations: Sequence[tuple[str, str, str]] = (),
    events: Sequence[tuple[str, str, Mapping[str, str]]] = (),
    id: str = "",
) -> Record:
    """A record by the words of its mentions: (label, words), (label, head, tail), (label, trigger,
    {role: words})."""
    gold = Extraction(
        tuple(Entity(label, mention(text, words)) for label, words in entities),
        tuple(
            Relation(label, mention(text, head), mention(text, tail))
            for label, head, tail in relations
        ),
        tuple(
            Event(
                label,
                mention(text, trigger),
                tuple(Argument(role, mention(text, words)) for role, words in roles.items()),
            )
            for label, trigger, roles in events
        ),
    )
    return Record(text, gold, id or text)


def data_set(
    splits: Mapping[str, Sequence[Record]],
    *,
    tasks: Sequence[str] = ("NER",),
    use: str = "train",
    events: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """A data set for `write_prepared`; its labels are those of the records, in order."""
    every = [r for records in splits.values() for r in records]
    return {
        "splits": splits,
        "header": {
            "tasks": list(tasks),
            "entities": list(dict.fromkeys(e.label for r in every for e in r.gold.entities)),
            "relations": list(dict.fromkeys(x.label for r in every for x in r.gold.relations)),
            "events": dict(events or {}),
            "use": use,
        },
    }


def write_prepared(path: Path, sets: Mapping[str, Mapping[str, Any]]) -> Path:
    header = {"format": FORMAT, "datasets": {name: row["header"] for name, row in sets.items()}}
    rows: list[object] = [header]
    for name, row in sets.items():
        for split, records in row["splits"].items():
            rows += [{"dataset": name, "split": split, **r.to_dict()} for r in records]
    write_rows(path, rows)
    return path


def write_rows(path: Path, rows: Iterable[object]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def prepared(folder: Path, sets: Mapping[str, Mapping[str, Any]]) -> Prepared:
    return read_prepared(write_prepared(folder / "prepared.jsonl.gz", sets))


NAMES = ("Ann", "Bob", "Eve")
TOWNS = ("Oslo", "Rome", "Kyiv")


@cache
def small_sets() -> dict[str, dict[str, Any]]:
    """All three main tasks over nine sentences each, enough to overfit on."""
    pairs = [(name, town) for name in NAMES for town in TOWNS]
    people = [
        record(f"{name} saw {town}.", entities=[("person", name), ("town", town)])
        for name, town in pairs
    ]
    homes = [
        record(
            f"{name} of {town}.",
            entities=[("person", name), ("town", town)],
            relations=[("lives in", name, town)],
        )
        for name, town in pairs
    ]
    trips = [
        record(f"{name} left {town}.", events=[("trip", "left", {"who": name, "where": town})])
        for name, town in pairs
    ]
    return {
        "people": data_set({"train": people, "dev": people[:3]}),
        "homes": data_set({"train": homes, "dev": homes[:3]}, tasks=("RE",)),
        "trips": data_set(
            {"train": trips, "dev": trips[:3]}, tasks=("EE",), events={"trip": ("who", "where")}
        ),
    }
