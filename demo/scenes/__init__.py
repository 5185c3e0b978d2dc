# SPDX-License-Identifier: Apache-2.0
"""The scenes, in the order in which they play. Each is a function of an Act."""
from .bare import without_melon
from .compute import compute, priority, weights
from .daemon import devices, end, restart
from .memory import killed, memory

ALL = (without_melon, devices, memory, compute, restart, weights, killed, priority, end)
ALWAYS = (devices, end)  # the others need a daemon
