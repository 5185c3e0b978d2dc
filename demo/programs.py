# SPDX-License-Identifier: Apache-2.0
"""The programs of the demo and what their output means. None of them knows Melon."""
import re

from .stage import Program, Stage, StageError, json_objects, wait_until

# MD5 of no eight-character string that would be met soon: hashcat searches until it is stopped.
UNREACHABLE_HASH = "0123456789abcdef0123456789abcdef"
MASK = "?a" * 8
RUNNING = 3  # hashcat's status code

# Takes 600 MiB of device memory in four buffers and writes to all of it.
PYOPENCL = """
import pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices())
queue = cl.CommandQueue(context)
buffers = []
for _ in range(4):
    buffers.append(cl.Buffer(context, cl.mem_flags.READ_WRITE, 150 << 20))
for b in buffers:
    cl.enqueue_fill_buffer(queue, b, b"melon!!!", 0, b.size)
queue.finish()
print("took 600 MiB of", context.devices[0].global_mem_size >> 20, flush=True)
import time; time.sleep(1)
"""
PYOPENCL_MIB = 600


def hashcat(session: str, *extra: str) -> list:
    """hashcat on a hash that it will not find; writes nothing but its caches."""
    return ["hashcat", "-m", "0", "-a", "3", "--session", session, "--potfile-disable",
            "--restore-disable", "--logfile-disable", "--self-test-disable", "--status",
            "--status-json", "--status-timer", "1", "--backend-ignore-cuda", "--backend-ignore-hip",
            *extra, UNREACHABLE_HASH, MASK]


def pyopencl() -> list:
    return ["/usr/bin/python3", "-c", PYOPENCL]  # the system's: python3-pyopencl is its package


def hashcat_running(program: Program, seconds: float = 90):
    """Waits until hashcat says that it computes."""
    def computes():
        if any(event.get("status") == RUNNING for event in program.events()):
            return True
        if program.process.poll() is not None:
            raise StageError(f"hashcat ended early:\n{program.output()[-800:]}")
        return False
    wait_until(computes, seconds, f"hashcat to compute (see {program.log})")


def hashcat_speed(output: str) -> float:
    """Its own figure, hashes a second, the best that it reported; 0 when it did not compute."""
    statuses = [status for status in json_objects(output) if status.get("devices")]
    return max((float(status["devices"][0]["speed"]) for status in statuses), default=0.0)


def hashcat_words(output: str) -> str:
    """What hashcat says when it lacks memory, from its "* Device"; "" when it does not.

    Where its output is no terminal, its progress stands before it on the same line.
    """
    found = re.search(r"\* Device.*(Not enough allocatable device memory|"
                      r"MEM_OBJECT_ALLOCATION_FAILURE).*", output)
    return found.group().strip() if found else ""


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def warm(stage: Stage):
    """Compiles once what the programs compile at their first start (their own caches keep it)."""
    result = stage.run("warm", hashcat("warm", "--runtime", "1"), 180)
    if "Started:" not in result.stdout:
        raise StageError(f"hashcat does not run here:\n{result.stdout[-800:]}")
    stage.run("warm", [stage.load, "--seconds", "0.2"], 60)
