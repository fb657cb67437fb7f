"""Mark the tests of this folder as gpu, and deselect them (not: skip them) where torch sees no GPU."""

import pytest
import torch


def pytest_collection_modifyitems(config, items):
    here = [item for item in items if item.get_closest_marker("gpu")]
    if here and not torch.cuda.is_available():
        config.hook.pytest_deselected(items=here)
        items[:] = [item for item in items if item not in here]


@pytest.fixture(autouse=True)
def exact_products():
    """float32 is float32: no TF32 in what is compared with a CPU."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)
