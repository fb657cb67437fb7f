"""The desk's Muon: torch's, in float32."""

import pytest
import torch

from muon import Muon, orthogonalized

SHAPES = [(16, 16), (16, 16), (40, 16), (16, 40)]


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 40, 16), (2, 16, 40)])
def test_singular_vectors_stay_and_their_values_come_near_one(shape):
    given = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    made = orthogonalized(given.float())
    torch.testing.assert_close(made.double(), orthogonalized(given), atol=1e-4, rtol=1e-4)
    left, values, right = torch.linalg.svd(given, full_matrices=False)
    turned = left.mT @ made.double() @ right.mT
    diagonal = turned.diagonal(dim1=1, dim2=2)
    assert torch.allclose(turned, torch.diag_embed(diagonal), atol=1e-4)
    large = values > 0.05 * values.amax(1, keepdim=True)
    assert ((diagonal > 0.6) & (diagonal < 1.3))[large].all()


def test_updates_are_torchs_but_for_the_precision():
    """torch.optim.Muon orthogonalizes in bfloat16, which has three digits."""
    trained = {}
    for name in ("ours", "theirs"):
        random = torch.Generator().manual_seed(5)
        matrices = [torch.nn.Parameter(torch.randn(shape, generator=random)) for shape in SHAPES]
        options = {"adjust_lr_fn": "match_rms_adamw", "momentum": 0.95}
        made = Muon(matrices, lr=0.02, weight_decay=0.1) if name == "ours" else None
        optimizer = made or torch.optim.Muon(matrices, lr=0.02, weight_decay=0.1, **options)
        begun = [matrix.detach().clone() for matrix in matrices]
        for _ in range(5):
            for matrix in matrices:
                matrix.grad = torch.randn(matrix.shape, generator=random)
            optimizer.step()
        trained[name] = [(matrix - first).detach() for matrix, first in zip(matrices, begun, strict=True)]
    for ours, theirs in zip(trained["ours"], trained["theirs"], strict=True):
        assert (ours - theirs).norm() < 0.02 * theirs.norm()


def test_a_matrix_without_a_gradient_stays():
    still = torch.nn.Parameter(torch.ones(4, 4))
    optimizer = Muon([still], lr=0.1, weight_decay=0.1)
    optimizer.step()
    assert torch.equal(still.detach(), torch.ones(4, 4))
