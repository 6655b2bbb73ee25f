"""Rounding to int8, and what is rearranged before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import ModelProto, numpy_helper

import instructuie.training.rearrange as rearranging
from instructuie.pointer.runtime import OnnxBackend, PointerRuntime, load_session
from instructuie.training.export import _shape, compare, export
from instructuie.training.fuse import fuse
from instructuie.training.observe import FloatArray, Observer, Seen, observed
from instructuie.training.quantize import _divider, rounded
from instructuie.training.rearrange import even_values, split_gelu

from .exported import fp32_folder, prompts, trained_folder

ONES = np.ones(10, np.float32)


def some_matrix(random: np.random.Generator) -> FloatArray:
    return (20 * random.normal(size=(24, 10))).astype(np.float32)


def error(matrix: FloatArray, result: npt.NDArray[Any], states: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(states @ (matrix - result)) / np.linalg.norm(states @ matrix))


@pytest.mark.parametrize("seed", range(5))
def test_rounding_makes_up_for_what_it_lost(seed: int) -> None:
    random = np.random.default_rng(seed)
    states = random.normal(size=(200, 6)) @ random.normal(size=(6, 24))
    states += 0.05 * random.normal(size=states.shape)
    matrix = some_matrix(random)
    ours = rounded(matrix, ONES, states.T @ states)
    assert error(matrix, ours, states) < 0.7 * error(matrix, np.round(matrix), states)


def test_channels_that_move_alone_are_rounded_to_the_nearest() -> None:
    matrix = some_matrix(np.random.default_rng(0))
    assert (rounded(matrix, ONES, np.eye(24)) == np.round(matrix)).all()


def test_a_channel_that_was_never_seen_does_no_harm() -> None:
    matrix = np.full((3, 10), 3.4, np.float32)
    assert (rounded(matrix, ONES, np.diag([1.0, 0.0, 2.0])) == 3).all()
    assert (rounded(matrix, ONES, np.zeros((3, 3))) == 3).all()


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Seen]]:
    """The encoder with fused operators, and what its states look like."""
    folder = tmp_path_factory.mktemp("fused")
    fuse(fp32_folder() / "encoder.onnx", folder / "encoder.onnx", **_shape(fp32_folder()))
    names = observed(folder / "encoder.onnx", folder / "observed.onnx")
    observer = Observer(load_session(folder / "observed.onnx"), names)
    runtime = PointerRuntime.load(fp32_folder(), threads=1)
    runtime.backend = OnnxBackend(observer, load_session(fp32_folder() / "decoder.onnx"))
    runtime.answer(prompts())
    return folder / "encoder.onnx", observer.seen


def states(model: ModelProto, folder: Path) -> FloatArray:
    onnx.checker.check_model(model)
    onnx.save(model, folder / "changed.onnx")
    ids = np.arange(6, 26).reshape(2, 10)
    mask = np.ones((2, 10), bool)
    mask[1, 7:] = False
    inputs = {"ids": ids, "shapes": ids % 3, "mask": mask}
    result: FloatArray = load_session(folder / "changed.onnx").run(None, inputs)[0]
    return result[mask]


def test_a_split_layer_computes_the_same(
    fused: tuple[Path, dict[str, Seen]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = fused
    monkeypatch.setattr(rearranging, "LARGE", 8)
    model = onnx.load(path)
    before = states(model, tmp_path)
    parts = split_gelu(model, seen)
    assert np.allclose(states(model, tmp_path), before, atol=1e-5)
    large = [look for name, look in parts.items() if name.endswith("_large")]
    small = [look for name, look in parts.items() if name.endswith("_small")]
    assert len(large) == len(small) > 0
    for one, other in zip(large, small, strict=True):
        assert len(one.largest) == 8
        assert np.diag(one.moments).min() >= np.diag(other.moments).max()


def test_layers_with_few_channels_stay_whole(fused: tuple[Path, dict[str, Seen]]) -> None:
    path, seen = fused
    model = onnx.load(path)
    assert split_gelu(model, seen).keys() == seen.keys()
    assert model == onnx.load(path)


def test_layers_without_a_bias_stay_whole(
    fused: tuple[Path, dict[str, Seen]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = fused
    monkeypatch.setattr(rearranging, "LARGE", 8)
    model = onnx.load(path)
    added = {n.output[0]: n.input for n in model.graph.node if n.op_type == "Add"}
    for node in model.graph.node:
        if node.op_type == "Gelu":
            (node.input[0],) = (n for n in added[node.input[0]] if "MatMul" in n)
    before = states(model, tmp_path)
    assert split_gelu(model, seen).keys() == seen.keys()
    assert np.array_equal(states(model, tmp_path), before)


def test_weights_that_two_products_share_are_left_alone(
    fused: tuple[Path, dict[str, Seen]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = fused
    monkeypatch.setattr(rearranging, "LARGE", 8)
    model = onnx.load(path)
    tensors = {t.name: t for t in model.graph.initializer}
    first: dict[tuple[int, ...], str] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            shape = tuple(tensors[node.input[1]].dims)
            node.input[1] = first.setdefault(shape, node.input[1])
    before = states(model, tmp_path)
    split_gelu(model, seen)
    even_values(model, seen, _divider)
    assert np.allclose(states(model, tmp_path), before, atol=1e-4)


def test_evening_goes_into_the_values_and_changes_nothing(
    fused: tuple[Path, dict[str, Seen]], tmp_path: Path
) -> None:
    path, seen = fused
    model = onnx.load(path)
    before = states(model, tmp_path)
    weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    looks, even = even_values(model, seen, _divider)
    assert even
    assert np.allclose(states(model, tmp_path), before, atol=1e-4)
    for name in even:
        assert not np.allclose(looks[name].largest, seen[name].largest)
    changed = [
        t.name
        for t in model.graph.initializer
        if not np.array_equal(numpy_helper.to_array(t), weights[t.name])
    ]
    assert len(changed) == 2 * len(even)


def test_int8_of_split_layers_agrees_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rearranging, "LARGE", 8)
    export(trained_folder(), tmp_path / "split", prompts(), min_agreement=0.0)
    agreement = compare(fp32_folder(), tmp_path / "split", prompts())
    assert agreement.either > 0
    assert agreement.share > 0.9
    graph = onnx.load(tmp_path / "split" / "encoder.onnx").graph
    products = [n for n in graph.node if n.op_type == "MatMulIntegerToFloat"]
    assert any("_large" in product.output[0] for product in products)
