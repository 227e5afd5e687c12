"""A Ray cluster of two nodes, on this machine alone: for test_cluster.py.

    python tests/ray_cluster.py PORT CORES

Says "ready" once it answers at ray://127.0.0.1:PORT. A line on its standard input kills the second
node; the end of the input ends the first. Each node has CORES.
"""

from __future__ import annotations

import os
import sys

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # or Ray takes the outer address for 127.0.0.1
    "RAY_memory_monitor_refresh_ms": "0",  # what other programs take ends no trainer here
}

from ray.cluster_utils import Cluster


def main(port: int, cores: int) -> None:
    node = {
        "num_cpus": cores,
        "node_ip_address": "127.0.0.1",
        "include_dashboard": False,
        "object_store_memory": 200 * 2**20,
    }
    cluster = Cluster(initialize_head=True, head_node_args={**node, "ray_client_server_port": port})
    second = cluster.add_node(**node)
    print("ready", flush=True)
    if sys.stdin.readline():
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)
        sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
