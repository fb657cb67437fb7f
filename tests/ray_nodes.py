"""Clusters of Ray with several nodes on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@contextmanager
def cluster_of(*nodes: dict) -> Iterator[Cluster]:
    """Start a cluster of these nodes, the head first, which RAY_ADDRESS then names; `others` are all but the head."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args=nodes[0])
        cluster.others = [cluster.add_node(**node) for node in nodes[1:]]
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster
        cluster.shutdown()
