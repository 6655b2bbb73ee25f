from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from instructuie.config import make_config
from instructuie.errors import ConfigError, ModelError
from instructuie.training.plan import (
    GIGABYTE,
    Hardware,
    Lengths,
    layer_bytes,
    make_plan,
    measure_lengths,
)
from instructuie.training.shapes import find_shape, known_shapes, shape_of
from instructuie.training.text.config import TextTraining
from tests.tiny import small_sets, write_prepared

from .text.tiny import causal_folder, settings, t5_folder

PUBLISHED = {
    "google/flan-t5-small": 76_961_152,
    "google/flan-t5-base": 247_577_856,
    "google/flan-t5-large": 783_150_080,
    "google/flan-t5-xl": 2_849_757_184,
    "google/flan-t5-xxl": 11_135_332_352,
    "google/mt5-base": 582_401_280,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
}


def training(base: str, **tables: Any) -> TextTraining:
    train = {"epochs": 5, "batch_size": 256, **tables.pop("train", {})}
    row = {"model": {"base": base}, "train": train, **tables}
    return make_config(TextTraining, row, source="test")


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes_have_the_published_number_of_parameters(name: str) -> None:
    assert find_shape(name).parameters == PUBLISHED[name]


def test_every_known_shape_can_be_built() -> None:
    for name in known_shapes():
        shape = find_shape(name)
        assert 0 < shape.rest < shape.parameters
        assert shape.decoder.layers > 0


@pytest.mark.parametrize("folder", [t5_folder(), causal_folder()], ids=["t5", "llama"])
def test_a_folder_says_its_shape(folder: Path) -> None:
    from transformers import AutoConfig

    from instructuie.training.text.model import model_class

    config = AutoConfig.from_pretrained(folder)
    model = model_class(config).from_pretrained(folder)
    assert find_shape(str(folder)).decoder.layers == 2
    config_tied = shape_of(config)  # its config says tied, as that of any T5 does
    head = model.lm_head.weight.numel() if folder == t5_folder() else 0
    assert config_tied.parameters + head == sum(p.numel() for p in model.parameters())


def test_a_model_that_is_not_known_says_what_to_give() -> None:
    with pytest.raises(ModelError, match=r"nobody/nothing is not known here: give a folder .*flan"):
        find_shape("nobody/nothing")


def test_the_11b_trains_on_eight_gpus_of_80_gigabytes_and_not_on_two() -> None:
    config = training(
        "google/flan-t5-xxl", train={"gradient_checkpointing": True, "micro_tokens": 8192}
    )
    lengths = Lengths(instances=250_000)
    plan = make_plan(config, Hardware("a100-80gb", 8), lengths)
    # 16 bytes per parameter in all: weights, gradient and two moments in fp32.
    held = plan.weights + plan.gradients + plan.optimizer
    assert held == pytest.approx(16 * 11_135_332_352 / 8)
    assert 20 < plan.memory / GIGABYTE < 60
    assert plan.fits
    assert plan.steps == round(5 * 250_000 / 256)
    assert 1 < plan.hours < 48
    assert not make_plan(config, Hardware("a100-80gb", 2), lengths).fits


def test_adapters_learn_what_peft_says_they_do() -> None:
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from instructuie.training.text.model import peft_config

    for targets in (["all-linear"], ["q_proj", "v_proj"]):
        config = training(str(causal_folder()), lora={"rank": 3, "targets": targets})
        assert config.lora is not None
        model = AutoModelForCausalLM.from_pretrained(causal_folder())
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            adapted = get_peft_model(model, peft_config(config.lora, seq2seq=False))
        learning = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
        assert make_plan(config, Hardware(), Lengths()).learning == learning


def test_four_bits_need_less_than_sixteen() -> None:
    plans = [
        make_plan(training("meta-llama/Llama-3.1-8B", lora={"bits": bits}), Hardware(), Lengths())
        for bits in (4, 16)
    ]
    assert plans[0].weights < 0.4 * plans[1].weights


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_activations_are_about_what_a_forward_pass_keeps(kind: str) -> None:
    """Against the tensors that autograd really holds, in a model of a usual shape."""
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedModel,
        T5Config,
        T5ForConditionalGeneration,
    )

    rows, width = 4, 64
    ids = torch.ones((rows, width), dtype=torch.long)
    if kind == "t5":
        config: Any = T5Config(
            vocab_size=32, d_model=128, d_kv=32, d_ff=256, num_layers=2, num_heads=4
        )
        config.feed_forward_proj = "gated-gelu"
        model: PreTrainedModel = T5ForConditionalGeneration(config)
        inputs = {"input_ids": ids, "decoder_input_ids": ids}
    else:
        config = LlamaConfig(
            vocab_size=32,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
        )
        model = LlamaForCausalLM(config)
        inputs = {"input_ids": ids}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with (
        torch.autocast("cpu", torch.bfloat16, cache_enabled=False),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        held = model(**inputs, use_cache=False).logits  # noqa: F841
    shape = shape_of(model.config)
    sides = [side for side in (shape.encoder, shape.decoder) if side is not None]
    scores = shape.attention == "eager"
    counted = sum(s.layers * layer_bytes(s, width, scores=scores) for s in sides) * rows * width
    casts = 2 * sum(p.numel() for p in model.parameters())  # bf16 weights, counted elsewhere
    assert counted == pytest.approx(sum(kept.values()) - casts, rel=0.5)


def test_lengths_are_measured_on_the_data(tmp_path: Path) -> None:
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    lengths = measure_lengths(settings(t5_folder(), steps=0, epochs=1), data)
    assert lengths.instances == 27
    assert 10 < lengths.source < 60
    assert 3 < lengths.target < 15
    assert measure_lengths(settings(t5_folder(), mixture={}), data).instances == 0


def test_hardware_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ConfigError, match="a plan for 'abacus': expected one of the GPUs a10g"):
        Hardware("abacus")
    with pytest.raises(ConfigError, match="at least one GPU"):
        Hardware(count=0)
