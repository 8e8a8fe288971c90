"""The global modes of torch that a reader may have set: code that names what it makes minds none.

``meta`` stands in for a GPU as default device: a tensor that lands there by accident meets the
others with an error, or has no values.
"""

from contextlib import contextmanager

import pytest
import torch


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES = {
    "default device": lambda: torch.device("meta"),
    "default float64": lambda: default_dtype(torch.float64),
    "default float16": lambda: default_dtype(torch.float16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}
each_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
