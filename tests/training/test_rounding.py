from __future__ import annotations

import pytest
import torch
from torch import nn

from instructuie.training.rounding import (
    RoundedLinear,
    round_linears,
    rounded_states,
    rounded_weight,
    rounding,
)


@pytest.fixture
def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(24, 12)


def test_values_are_rounded_by_less_than_a_level() -> None:
    torch.manual_seed(0)
    states, weight = torch.randn(5, 24), torch.randn(12, 24)
    level = (states.amax(1) - states.amin(1)) / 255
    assert ((rounded_states(states) - states).abs() <= 0.51 * level[:, None]).all()
    assert (
        (rounded_weight(weight) - weight).abs() <= 0.51 * weight.abs().amax(1)[:, None] / 127
    ).all()
    assert len(torch.unique((rounded_states(states)[0] / level[0]).round())) <= 24


def test_gradients_pass_as_if_nothing_were_rounded(linear: nn.Linear) -> None:
    states = torch.randn(3, 24, requires_grad=True)
    rounded_states(states).sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(states.grad, torch.ones_like(states))  # type: ignore[arg-type]


def test_layers_round_only_while_training_and_where_it_is_on(linear: nn.Linear) -> None:
    states = torch.randn(4, 24)
    exact = linear(states)
    model = nn.Sequential(linear)
    round_linears(model)
    assert isinstance(linear, RoundedLinear)
    rounded = model(states)
    assert not torch.equal(rounded, exact)
    assert torch.allclose(rounded, exact, atol=0.1)
    with rounding(model, on=False):
        assert torch.equal(model(states), exact)
    assert torch.equal(model(states), rounded)
    assert torch.equal(model.eval()(states), exact)
