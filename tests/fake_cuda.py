"""A CUDA device without its driver: what runs there keeps shapes, types and devices, no values.

torch's FakeTensorMode gives tensors that say they are on "cuda", and fails where devices mix. What
it cannot do without a driver is stood in for: random generators, the backward pass, which here
gives the loss's parameters gradients beside them, the fused step, and what is brought from the
device: noughts in a tensor on the CPU, a 1 as a number. Tensors on the CPU are real.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

ops = torch.ops.aten
STATE_BYTES = 16
"""Of a CUDA generator's state: its seed and its offset."""


@contextmanager
def fake_cuda() -> Iterator[None]:
    """Inside, "cuda" is there. Whatever mixes its tensors or generators with others raises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch, "Generator", _Generator)
        patch.setattr(fake_tensor, "init_gpu_context", lambda device: None)
        patch.setattr(Tensor, "backward", _backward)
        with _FakeDevice(allow_non_fake_inputs=True), _GeneratorsStayOnTheirDevice():
            yield


class _FakeDevice(FakeTensorMode):
    avoid_device_init = True
    _inside = False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        given = tree_leaves((args, kwargs))
        fakes = [value for value in given if isinstance(value, FakeTensor)]
        on_device = any(isinstance(value, torch.device) and value.type == "cuda" for value in given)
        if not (fakes or on_device or self._inside):
            return func(*args, **kwargs)
        if func is ops._local_scalar_dense.default:
            return 1
        if func is ops._to_copy.default and kwargs.get("device") == torch.device("cpu"):
            return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if func is ops._fused_sgd_.default:
            return _check_alike(*args[:3])
        before, self._inside = self._inside, True
        try:
            return super().__torch_dispatch__(func, types, args, kwargs)
        finally:
            self._inside = before


def _check_alike(*lists: Sequence[Tensor]) -> None:
    """The fused step takes it that parameters, gradients and momentum lie alike in one memory."""
    for tensors in zip(*[given for given in lists if given], strict=True):
        if len({(tensor.device, tensor.stride()) for tensor in tensors}) > 1:
            raise RuntimeError("parameters, gradients and momentum do not lie alike")


class _Generator(torch.Generator):
    """A generator of the CPU's, which says that it is where it was asked to be."""

    def __new__(cls, device: str | torch.device = "cpu") -> _Generator:
        return super().__new__(cls, "cpu")

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._named = torch.device(device)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self._named

    def get_state(self) -> Tensor:
        on_cpu = self._named.type == "cpu"
        return super().get_state() if on_cpu else torch.ones(STATE_BYTES, dtype=torch.uint8)

    def set_state(self, state: Tensor) -> _Generator:  # type: ignore[override]
        if self._named.type == "cpu":
            super().set_state(state)
        elif (state.device.type, state.dtype, len(state)) != ("cpu", torch.uint8, STATE_BYTES):
            raise RuntimeError("RNG state is wrong size, type or place")
        return self


class _GeneratorsStayOnTheirDevice(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        generator = (kwargs or {}).get("generator")
        if isinstance(generator, _Generator) and isinstance(args[0], Tensor):
            places = generator.device.type, args[0].device.type
            if places[0] != places[1]:
                raise RuntimeError(f"a generator on {places[0]} fills a tensor on {places[1]}")
        return func(*args, **(kwargs or {}))


def _backward(loss: Tensor) -> None:
    """A gradient for every parameter that the loss depends on, where the parameter is."""
    if loss.device.type != "cuda":
        raise RuntimeError(f"the loss of a step is on {loss.device.type}")
    steps, seen = [loss.grad_fn], set()
    while steps:
        step = steps.pop()
        if step is None or step in seen:
            continue
        seen.add(step)
        steps += [before for before, _ in step.next_functions]
        if hasattr(step, "variable"):
            step.variable.grad = torch.empty_like(step.variable)
