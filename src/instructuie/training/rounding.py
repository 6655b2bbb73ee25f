"""Training with the rounding errors that the int8 model will have.

While it trains, every linear layer rounds its states to 8 bits per token and its weights to 8 bits
per output channel, as the export does (`quantize.py`); gradients pass through as if nothing had been
rounded. The model learns decisions that such errors do not overturn. Out of training nothing is
rounded, and the weights that are saved are the exact ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RoundedLinear(nn.Linear):
    """A linear layer that rounds while it trains, unless `exact` is set."""

    exact = False

    def forward(self, states: Tensor) -> Tensor:
        if self.exact or not self.training:
            return super().forward(states)
        return F.linear(rounded_states(states), rounded_weight(self.weight), self.bias)


def round_linears(*modules: nn.Module) -> None:
    """Make every linear layer below `modules` one that rounds; their weights stay where they are."""
    for parent in modules:
        for module in parent.modules():
            if type(module) is nn.Linear:
                module.__class__ = RoundedLinear


@contextmanager
def rounding(model: nn.Module, *, on: bool) -> Iterator[None]:
    """Whether the linear layers that may round do so."""
    linears = [module for module in model.modules() if isinstance(module, RoundedLinear)]
    for linear in linears:
        linear.exact = not on
    yield
    for linear in linears:
        linear.exact = False


def rounded_states(states: Tensor) -> Tensor:
    """(..., D) with 256 levels between the least and the greatest value of each token."""
    with torch.no_grad():
        low, high = torch.aminmax(states, dim=-1, keepdim=True)
        level = ((high - low) / 255).clamp(min=1e-8)
        error = (states / level).round_().mul_(level).sub_(states)
    return states + error


def rounded_weight(weight: Tensor) -> Tensor:
    """(out, in) with 255 levels for each output channel."""
    with torch.no_grad():
        level = (weight.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-8)
        error = (weight / level).round_().mul_(level).sub_(weight)
    return weight + error
