"""A Ray cluster of two nodes on this machine."""

import pytest
from ray_nodes import NODE, cluster_of


@pytest.fixture
def two_nodes():
    """A cluster of two nodes with one worker each, which RAY_ADDRESS names."""
    with cluster_of(NODE, NODE) as cluster:
        (cluster.second,) = cluster.others
        yield cluster
