"""Reading a language model from a folder or the hub: weights from safetensors, never code."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instructuie.errors import ConfigError, MissingExtraError, ModelError

if TYPE_CHECKING:
    from instructuie.engines import Quantize

ADAPTER = "adapter_config.json"
DTYPES = ("auto", "float32", "bfloat16")


def load_model(
    model: str | Path,
    *,
    quantize: Quantize | None = None,
    threads: int | None = None,
    device: str | None = None,
    dtype: str = "auto",
) -> tuple[Any, Any]:
    """The model, on its device, and its tokenizer. Raises ModelError, MissingExtraError."""
    try:
        import torch
        from transformers import AutoTokenizer
    except ModuleNotFoundError as error:
        raise MissingExtraError("a language model that runs here", extra="hf") from error
    if dtype not in DTYPES:
        raise ConfigError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
    if threads is not None:
        torch.set_num_threads(threads)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    base = _base_of(model)
    source = str(base or model)
    bf16 = dtype == "bfloat16" or (dtype == "auto" and computes_bf16(device))
    options: dict[str, Any] = {"dtype": torch.bfloat16 if bf16 else torch.float32}
    on_gpu = quantize is not None and device != "cpu"
    if quantize is not None and on_gpu:
        options |= {"quantization_config": _fewer_bits(quantize, torch), "device_map": device}
    try:
        with quiet():
            loaded = _auto_class(source).from_pretrained(
                source, use_safetensors=True, trust_remote_code=False, **options
            )
        named = model if base is None or _has_tokenizer(Path(model)) else base
        tokenizer = AutoTokenizer.from_pretrained(str(named), trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        where = "" if Path(source).exists() else " (no folder here, so a name on the hub)"
        raise ModelError(
            f"cannot load the language model {source}{where}: {_brief(error)}"
        ) from error
    if base is not None:
        loaded = _with_adapter(loaded, Path(model), merge=not on_gpu)
    if quantize is not None and not on_gpu:
        return _quantized(loaded, quantize), tokenizer
    return (loaded if on_gpu else loaded.to(device)), tokenizer


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of transformers, which would go to the terminal of the caller."""
    from transformers.utils import logging as library_logging

    logging: Any = library_logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def computes_bf16(device: str) -> bool:
    """Whether a device of this type is faster in bfloat16.

    Processors are not: on one with instructions for it, layers of 384 to 2048 inputs took 0.9 to 1.9
    times as long as in float32, at 16 to 1,024 rows (torch 2.13).
    """
    import torch

    return device.startswith("cuda") and bool(torch.cuda.is_bf16_supported())


def read_card(model: str | Path) -> str:
    """The model card in a folder; "" where there is none, as for models of the hub."""
    card = Path(model) / "README.md"
    return card.read_text(encoding="utf-8") if card.is_file() else ""


def _auto_class(source: str) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def _base_of(model: str | Path) -> str | None:
    """The model that an adapter folder changes; None for anything else."""
    path = Path(model) / ADAPTER
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} does not say what model it changes: {error!r}") from error


def _has_tokenizer(folder: Path) -> bool:
    return (folder / "tokenizer_config.json").is_file()


def _with_adapter(base: Any, folder: Path, *, merge: bool) -> Any:
    try:
        from peft import PeftModel
    except ModuleNotFoundError as error:
        raise MissingExtraError("an adapter folder", extra="hf") from error
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(
            f"{folder} lacks adapter_model.safetensors; only safetensors are read, as other files may "
            "hold code"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of one package about another's names
            adapted = PeftModel.from_pretrained(base, str(folder))
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"cannot load the adapter {folder}: {_brief(error)}") from error
    # Merged, the adapter costs nothing; weights of few bits cannot take it in exactly.
    return adapted.merge_and_unload() if merge else adapted


def _fewer_bits(quantize: Quantize, torch: Any) -> Any:
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if quantize not in ("int8", "int4"):
        raise ConfigError(f"quantize is {quantize!r}, expected int8 or int4")
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError("loading with quantized weights", extra="quant")
    make: Any = BitsAndBytesConfig
    if quantize == "int8":
        return make(load_in_8bit=True)
    return make(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def _quantized(model: Any, quantize: Quantize) -> Any:
    """For a processor: linear layers in int8, their inputs rounded as they come."""
    import torch

    if quantize != "int8":
        raise ConfigError(f"quantize is {quantize!r}; a processor computes with int8 only")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch calls this way of doing it old, and has no other yet
        make: Any = torch.ao.quantization.quantize_dynamic
        return make(model, {torch.nn.Linear}, dtype=torch.qint8)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:400] or type(error).__name__
