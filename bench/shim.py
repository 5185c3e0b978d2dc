# SPDX-License-Identifier: Apache-2.0
"""What the preloaded library adds to a call, against the bare simulated driver in the same run."""
from . import figures
from .micro import nanoseconds

BARE, LIMITED, UNLIMITED = "bare", "limited", "unlimited"
# call -> (variant, most nanoseconds it may add)
BUDGETS = {
    "enqueue": ((LIMITED, 40), (UNLIMITED, 15)),
    "create_release": ((LIMITED, 60),),
    "create_release_at_10000": ((LIMITED, 60),),
    "memory_query": ((LIMITED, 10),),
}


def compare(benchmarks: list) -> list:
    """Benchmarks are named CALL/VARIANT; rows for every call that was measured bare and with us."""
    times = {b["run_name"]: nanoseconds(b) for b in benchmarks if b["program"] == "opencl_bench"}
    found = []
    for call, budgets in BUDGETS.items():
        for variant, most in budgets:
            bare, ours = times.get(f"{call}/{BARE}"), times.get(f"{call}/{variant}")
            if bare is None or ours is None:
                continue
            found.append(figures.at_most(f"{call}, {variant}: added to the bare driver's {bare:.1f} ns",
                                         most, ours - bare, "ns", bare=bare, ours=ours))
    return found
