"""A Ray cluster of two nodes on this machine."""

import pytest
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of two nodes with one worker each, which RAY_ADDRESS names."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    cluster.second = cluster.add_node(**NODE)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster
    cluster.shutdown()
