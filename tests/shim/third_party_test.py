# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote, on a real device (PoCL), report the slice's size and obey it."""
import json
import tempfile
import unittest

from in_grant import MIB, WAYS, Grant, require, run

PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's pyopencl
SLICE = 512 * MIB

LIST_DEVICES = """
import json, pyopencl
print(json.dumps([[p.name, d.name, d.global_mem_size] for p in pyopencl.get_platforms()
                  for d in p.get_devices() if 'Portable' in p.name]))
"""

USE_DEVICE = """
import json, numpy, pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices())
queue = cl.CommandQueue(context)
device = context.devices[0]
MIB = 1 << 20
flags = cl.mem_flags.READ_WRITE
def name(make):
    try:
        return 'made' if make() else 'null'
    except (cl.Error, MemoryError) as error:
        return type(error).__name__
held = [cl.Buffer(context, flags, 128 * MIB) for _ in range(3)]
cl.enqueue_fill_buffer(queue, held[0], numpy.uint8(7), 0, 128 * MIB)
part = held[0].get_sub_region(0, 64 * MIB)
image = cl.Image(context, flags, cl.ImageFormat(cl.channel_order.RGBA, cl.channel_type.UNSIGNED_INT8),
                 shape=(4096, 4096))  # 64 MiB
full = name(lambda: cl.Buffer(context, flags, 64 * MIB + 1))
svm = cl.SVM(cl.csvm_empty(context, (64 * MIB,), numpy.uint8))  # the last 64 MiB
over_svm = name(lambda: cl.csvm_empty(context, (1,), numpy.uint8))
over_image = name(lambda: cl.Image(context, flags, image.format, shape=(16, 16)))
larger = name(lambda: cl.Buffer(context, flags, 600 * MIB))
image.release()
again = name(lambda: cl.Buffer(context, flags, 64 * MIB))
program = cl.Program(context, 'kernel void twice(global uchar* x) { x[get_global_id(0)] *= 2; }')
program.build().twice(queue, (1024,), None, held[0])
out = numpy.zeros(2048, numpy.uint8)
cl.enqueue_copy(queue, out, held[0])
queue.finish()
print(json.dumps({'memory': device.global_mem_size, 'most': device.max_mem_alloc_size,
                  'full': full, 'over_svm': over_svm, 'over_image': over_image, 'larger': larger,
                  'again': again, 'out': [int(out[0]), int(out[1024])]}))
"""

WAIT_FOR_ITSELF = """
import numpy, pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices())
ordered = cl.CommandQueue(context)
free = cl.CommandQueue(context, properties=cl.command_queue_properties.OUT_OF_ORDER_EXEC_MODE_ENABLE)
assert ordered.properties == 0, ordered.properties
memory = cl.Buffer(context, cl.mem_flags.READ_WRITE, 1 << 20)
program = cl.Program(context, 'kernel void add(global uint* x) { x[get_global_id(0)] += 1; }').build()
add = program.add
for queue in [ordered, free]:
    cl.enqueue_fill_buffer(queue, memory, numpy.uint32(0), 0, 1 << 20).wait()
    for _ in range(3):
        go = cl.UserEvent(context)
        first = add(queue, (1 << 18,), None, memory, wait_for=[go])
        second = add(queue, (1 << 18,), None, memory, wait_for=[first])
        last = add(queue, (1 << 18,), None, memory, wait_for=[second])
        go.set_status(cl.command_execution_status.COMPLETE)
        last.wait()
        try:
            last.profile.end
            raise SystemExit('profiling shows')
        except cl.Error as error:
            assert error.code == -7, error.code
    out = numpy.zeros(1 << 18, numpy.uint32)
    cl.enqueue_copy(queue, out, memory).wait()
    assert (out == 9).all(), out
own = cl.CommandQueue(context, properties=cl.command_queue_properties.PROFILING_ENABLE)
event = add(own, (1 << 18,), None, memory)
event.wait()
assert 0 < event.profile.end - event.profile.start < 10**9
print('done')
"""


def pocl_device():
    """(key, memory) of PoCL's device, as seen without a grant."""
    with Grant(MIB) as grant:
        environment = grant.environment("preload", simulated=False)
        for name in ["MELON_GRANT", "LD_PRELOAD"]:
            del environment[name]
        done = run([PYTHON, "-c", LIST_DEVICES], environment)
    assert done.returncode == 0 and json.loads(done.stdout), (
        "pyopencl finds no PoCL device, and the tests need one; run: tools/install-packages.sh demo\n"
        + done.stderr)
    platform, device, memory = json.loads(done.stdout)[0]
    return f"opencl:{platform}|{device}|0", memory


class ThirdParty(unittest.TestCase):
    def setUp(self):
        self.key, self.memory = pocl_device()
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)

    def run_inside(self, way, command, memory=SLICE, options=()):
        require(command[0])
        with Grant(memory, *options, key=self.key) as grant:
            done = run(command, grant.environment(way, simulated=False, HOME=self.home.name,
                                                  PYOPENCL_NO_CACHE="1"))
            return done, grant.report()

    def test_pyopencl(self):
        for way in WAYS:
            with self.subTest(attached=way):
                done, report = self.run_inside(way, [PYTHON, "-c", USE_DEVICE])
                self.assertEqual(done.returncode, 0, done.stderr)
                seen = json.loads(done.stdout)
                self.assertEqual(seen["memory"], SLICE)
                self.assertEqual(seen["most"], SLICE)
                self.assertEqual(seen["full"], "MemoryError")
                self.assertEqual(seen["over_svm"], "RuntimeError")  # a null pointer
                self.assertEqual(seen["over_image"], "MemoryError")
                self.assertEqual(seen["larger"], "LogicError")  # -61
                self.assertEqual(seen["again"], "made")
                self.assertEqual(seen["out"], [14, 7])
                self.assertEqual(report[0], 0)  # the process is gone, and so is its use
                self.assertGreaterEqual(report[1], 4)  # pyopencl collects garbage and asks again

    def test_enqueue_first_and_go_later(self):
        for limits in [["--compute", "1000"], ["--compute", "250"], ["--compute", "10"],
                       ["--share", "weighted", "--weight", "1", "--priority", "low"]]:
            with self.subTest(limits=limits):
                done, _ = self.run_inside("both", [PYTHON, "-c", WAIT_FOR_ITSELF], options=limits)
                self.assertEqual((done.stdout, done.returncode), ("done\n", 0), done.stderr)

    def test_clinfo(self):
        for way in WAYS:
            with self.subTest(attached=way):
                done, _ = self.run_inside(way, ["clinfo", "--raw"])
                self.assertIn(f"{SLICE}", done.stdout)
                self.assertNotIn(f"{self.memory}", done.stdout)

    def test_hashcat_reports_the_slice(self):
        for way in WAYS:
            with self.subTest(attached=way):
                done, _ = self.run_inside(way, ["hashcat", "-I"])
                self.assertIn(f"Memory.Total...: {SLICE // MIB} MB", done.stdout)

    def test_hashcat_refuses_what_does_not_fit(self):
        attack = ["hashcat", "-m", "0", "-a", "3", "--potfile-disable", "--runtime", "1",
                  "--backend-ignore-cuda", "--backend-ignore-hip", "--session", "melon", "0123456789abcdef0123456789abcdef", "?a" * 8]
        done, _ = self.run_inside("both", attack, memory=128 * MIB)
        self.assertIn("Not enough allocatable device memory", done.stdout + done.stderr)

    def test_clpeak_runs(self):
        for way in WAYS:
            with self.subTest(attached=way):
                done, report = self.run_inside(way, ["clpeak", "--kernel-latency"],
                                               options=["--compute", "500"])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, r"Kernel launch latency : [0-9.]+ us")
                self.assertGreater(report[2], 0)  # launches
                self.assertGreater(report[3], 0)  # device time


if __name__ == "__main__":
    unittest.main()
