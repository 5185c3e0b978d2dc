# SPDX-License-Identifier: Apache-2.0
"""A request of several devices, and devices of which more is promised than there is: real PoCL devices."""
import unittest

from melon_under_test import PYTHON, Machine, MelonTest

# Takes DEVICE:MIB one after the other, filled, on the devices that it is shown, and stays.
TAKES = """
import sys, time
import numpy, pyopencl as cl
devices = cl.get_platforms()[0].get_devices()
print("sees", *[device.global_mem_size >> 20 for device in devices], flush=True)
held = []
for number, mib in (map(int, word.split(":")) for word in sys.argv[1:]):
    context = cl.Context([devices[number]])
    try:
        buffer = cl.Buffer(context, cl.mem_flags.READ_WRITE, mib << 20)
        cl.enqueue_fill_buffer(cl.CommandQueue(context), buffer, numpy.uint8(1), 0, mib << 20).wait()
        held.append(buffer)
        print("holds", number, mib, flush=True)
    except (cl.MemoryError, cl.LogicError):
        print("refused", number, mib, flush=True)
print("done", flush=True)
while True:
    time.sleep(1000)
"""


class SeveralDevices(MelonTest):
    """Two devices of PoCL: it counts the memory of each for itself, as two cards have."""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine(environment={"POCL_DEVICES": "basic pthread"}).up()
        cls.addClassCleanup(cls.machine.remove)

    def taking(self, name, *pieces):
        self.eventually(f"{name} has asked for its memory", lambda: "done" in self.ok("logs", name).out)
        return self.ok("logs", name).out.splitlines()[:-1]

    def test_each_device_is_held_to_the_limit_by_itself(self):
        self.assertEqual(len(self.ok("devices", "-o", "json").json), 2)
        pieces = ("0:48", "0:17", "1:60", "0:16", "1:5", "1:4", "0:1", "1:1")
        workload = self.detached("pair", "--count", "2", "--memory", "64MiB", "--compute", "25%",
                                 program=(PYTHON, "-c", TAKES, *pieces))
        self.assertEqual([(s["device"], s["memory_mib"], s["compute_permille"]) for s in workload["slices"]],
                         [("opencl-0", 64, 250), ("opencl-1", 64, 250)])
        self.assertEqual(self.taking("pair"), [
            "sees 64 64", "holds 0 48", "refused 0 17", "holds 1 60", "holds 0 16", "refused 1 5", "holds 1 4",
            "refused 0 1", "refused 1 1"])
        self.eventually("use is shown of each", lambda: [
            s["used_memory_mib"] for s in self.workload("pair")["slices"]] == [64, 64])
        for device in self.ok("devices", "-o", "json").json:
            self.assertEqual(device["memory_mib"] - device["free_memory_mib"], 64)
            self.assertEqual((device["free_compute_permille"], device["grants"]), (750, ["pair"]))
        why = self.ok("explain", "pair").out
        for device in ("opencl-0", "opencl-1"):
            self.assertIn(f"{device}: 64 MiB, compute booked 25%", why)

    def test_one_device_of_the_two_is_all_that_a_program_sees(self):
        for device in ("opencl-0", "opencl-1"):
            self.detached("one", "--device", device, "--memory", "64MiB", program=(PYTHON, "-c", TAKES, "0:65", "0:64"))
            self.assertEqual(self.taking("one"), ["sees 64", "refused 0 65", "holds 0 64"])
            used = {d["id"]: d["memory_mib"] - d["free_memory_mib"] for d in self.ok("devices", "-o", "json").json}
            self.assertEqual(used, {"opencl-0": 0, "opencl-1": 0, device: 64})
            self.end_workloads()

    def test_both_must_have_room(self):
        self.detached("one", "--device", "opencl-1", "--memory", "60%")
        pair = ("run", "--count", "2", "--dry-run", "--memory")
        self.fails(4, *pair, "50%", says=["opencl-1", "memory"])
        self.assertEqual(len(self.ok(*pair, "30%", "-o", "json").json["placements"]), 2)
        self.fails(125, "run", "--count", "3", "--memory", "1MiB", "--", "true", says=["3 devices"])


class Overcommit(MelonTest):
    CONFIG = "overcommit_memory: 150%\novercommit_compute: 200%\n"

    def test_it_is_booked_to_the_limit_that_was_set_and_no_further(self):
        total = self.device()["memory_mib"]
        most = total * 150 // 100
        self.detached("a", "--memory", "90%", "--compute", "90%")
        self.detached("b", "--memory", f"{most - self.workload('a')['slices'][0]['memory_mib'] - 1}MiB",
                      "--compute", "100%")
        one = ("run", "--dry-run", "--memory", "1MiB", "--compute")
        self.fails(4, *one, "10.1%", says=["compute", "10%"])
        self.fails(4, "run", "--dry-run", "--memory", "2MiB", says=["memory", "1MiB"])
        self.detached("c", "--memory", "1MiB", "--compute", "10%")
        for more in (("--memory", "1MiB"), ("--memory", "1MiB", "--compute", "0.1%")):
            self.fails(4, "run", "--dry-run", *more, says=["memory"])
        booked = [w["slices"][0] for w in self.ok("ps", "-o", "json").json]
        self.assertEqual(sum(s["memory_mib"] for s in booked), most)
        self.assertEqual(sum(s["compute_permille"] for s in booked), 2000)
        device = self.device()
        self.assertEqual((device["memory_mib"], device["free_memory_mib"]), (total, 0))
        # One request never gets more than the device has.
        self.end_workloads()
        self.fails(4, "run", "--dry-run", "--memory", f"{total + 1}MiB", says=[str(total)])
        self.fails(2, "run", "--dry-run", "--memory", "1MiB", "--compute", "101%", says=["101%"])


if __name__ == "__main__":
    unittest.main()
