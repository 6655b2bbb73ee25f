"""The model that a text training starts from: whole, with adapters, or made of an encoder."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
)

from instructuie.errors import ConfigError, MissingExtraError, ModelError
from instructuie.training.text.config import LoraConfig, TextModelConfig, TextTraining


@dataclass(frozen=True, slots=True)
class TextModel:
    """A model with its tokenizer, and what training needs to know of its kind."""

    model: Any
    tokenizer: Any
    causal: bool

    @property
    def pad(self) -> int:
        """Any token will do where there is no padding token, since padding is masked."""
        pad: int | None = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id) if pad is None else pad

    @property
    def start(self) -> int:
        """What the decoder of an encoder-decoder reads first."""
        config = self.model.config
        start = getattr(config, "decoder_start_token_id", None)
        if start is None:
            start = getattr(self.model.generation_config, "decoder_start_token_id", None)
        if start is None:
            raise ModelError(
                f"{config.name_or_path or config.model_type} does not say what its decoder starts with "
                "(decoder_start_token_id in its config)"
            )
        return int(start)

    @property
    def first(self) -> int | None:
        """What its generation always begins with, where it does."""
        generation = getattr(self.model, "generation_config", None)
        first: int | None = getattr(generation, "forced_bos_token_id", None)
        return first


def load_model(config: TextTraining, *, bf16: bool, device: torch.device) -> TextModel:
    """Raises ModelError, ConfigError or MissingExtraError."""
    settings = config.model
    name = settings.base or settings.warm_start
    tokenizer = load_tokenizer(name)
    if settings.warm_start:
        from instructuie.training.text.warm_start import warm_start

        model = warm_start(name, tokenizer, decoder_layers=settings.decoder_layers)
        _set_dropout(model, settings.dropout)
        loaded = TextModel(model, tokenizer, causal=False)
    else:
        loaded = _load_base(config, tokenizer, bf16=bf16, device=device)
    _check_lengths(loaded, settings)
    if config.train.pack and not loaded.causal:
        raise ConfigError(
            f"train.pack puts prompts into one row, which only decoder-only models can keep apart; "
            f"{name} is an encoder-decoder: leave it out"
        )
    if config.train.gradient_checkpointing:
        _checkpoint_layers(loaded.model)
    loaded.model.config.use_cache = False
    if config.lora is not None:
        return TextModel(_with_adapters(loaded.model, config), tokenizer, loaded.causal)
    return loaded


def _check_lengths(loaded: TextModel, settings: TextModelConfig) -> None:
    """Raise ConfigError for prompts or answers beyond the model's table of positions."""
    limit = getattr(loaded.model.config, "max_position_embeddings", None)
    source, target = settings.max_source_tokens, settings.max_target_tokens
    longest = source + target if loaded.causal else max(source, target)
    if limit is not None and longest > limit:
        raise ConfigError(
            f"model.max_source_tokens = {source} and max_target_tokens = {target} are more than "
            f"{describe(settings)} can read, which is {limit} tokens"
            f"{' for both together' if loaded.causal else ' each'}: lower them"
        )


def load_tokenizer(name: str) -> Any:
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the tokenizer of {name}: {error}") from error


def load_config(name: str) -> Any:
    try:
        return AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the model {name}: {error}") from error


def model_class(config: Any) -> Any:
    """How a checkpoint is loaded is said by its config, never by its name."""
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def _load_base(
    config: TextTraining, tokenizer: Any, *, bf16: bool, device: torch.device
) -> TextModel:
    settings, shape = config.model, load_config(config.model.base)
    options: dict[str, Any] = {}
    if settings.attention:
        options["attn_implementation"] = settings.attention
    if config.lora is not None and config.lora.bits == 4:
        options["quantization_config"] = _four_bits(device)
    # Weights that learn are kept in fp32, of which bf16 steps would lose the small ones; frozen ones
    # need no more than the arithmetic has.
    frozen = config.lora is not None and bf16
    try:
        model = model_class(shape).from_pretrained(
            settings.base, dtype=torch.bfloat16 if frozen else torch.float32, **options
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the model {settings.base}: {error}") from error
    _set_dropout(model, settings.dropout)
    return TextModel(model, tokenizer, causal=not shape.is_encoder_decoder)


def _four_bits(device: torch.device) -> Any:
    if device.type != "cuda":
        raise ConfigError(
            "lora.bits = 4 (QLoRA) needs a CUDA GPU, and there is none: use lora.bits = 16"
        )
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError("QLoRA (lora.bits = 4)", extra="quant")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_quant_storage=torch.bfloat16,  # so that shards of it can travel (FSDP2)
    )


def _with_adapters(model: Any, config: TextTraining) -> Any:
    if find_spec("peft") is None:
        raise MissingExtraError("training with adapters ([lora])", extra="train")
    from peft import get_peft_model, prepare_model_for_kbit_training

    assert config.lora is not None
    if config.lora.bits == 4:
        model = prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]
            model, use_gradient_checkpointing=config.train.gradient_checkpointing
        )
    elif config.train.gradient_checkpointing:
        model.enable_input_require_grads()  # else no gradient would reach the first layers' adapters
    try:
        with _quiet():
            adapted = get_peft_model(
                model, peft_config(config.lora, model.config.is_encoder_decoder)
            )
    except ValueError as error:
        raise ConfigError(f"lora.targets {list(config.lora.targets)}: {error}") from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def peft_config(lora: LoraConfig, seq2seq: bool) -> Any:
    from peft import LoraConfig as PeftLora

    targets = list(lora.targets)
    return PeftLora(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules="all-linear" if targets == ["all-linear"] else targets,
        task_type="SEQ_2_SEQ_LM" if seq2seq else "CAUSAL_LM",
    )


def merged(name: str, adapter: Path, *, dtype: torch.dtype) -> Any:
    """The base with the adapters of a folder added to its weights."""
    from peft import PeftModel

    base = model_class(load_config(name)).from_pretrained(name, dtype=dtype)
    with _quiet():
        return PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without two warnings of peft: that it asks transformers by an old name whether layers are
    checkpointed, and that Flan-T5's embeddings, which never were, are no longer tied."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input and output embeddings are no longer tied")
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        yield


def learning(model: torch.nn.Module) -> Iterable[tuple[str, torch.nn.Parameter]]:
    """The parameters that learn."""
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)


def _checkpoint_layers(model: Any) -> None:
    """By the name that this version of transformers has for it."""
    enable = getattr(model, "activation_checkpointing_enable", None)
    if enable is None:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    else:
        enable()


def _set_dropout(model: torch.nn.Module, rate: float) -> None:
    """Of all layers, where a rate is given (-1: none is)."""
    if rate < 0:
        return
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = rate
        for name in ("dropout", "attention_dropout", "activation_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, rate)


def describe(settings: TextModelConfig) -> str:
    return settings.base or f"a BART made of {settings.warm_start}"
