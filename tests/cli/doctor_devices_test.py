# SPDX-License-Identifier: Apache-2.0
"""Findings of `melon doctor` on devices and drivers: each fault is caused, its remedy executed."""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from doctor_under_test import DRIVERS, DoctorTest, mount, setUpModule  # noqa: F401
from daemon_under_test import IGNORED_LINE
from melon_under_test import ALICE, MELON, PYTHON, SOON_SECONDS, TENANT, Machine, eventually


class OpenCl(DoctorTest):
    def test_no_device(self):
        self.empty(DRIVERS)
        self.machine.up()
        self.stand_in("apt-get", f'[ "$*" = "install -y --reinstall pocl-opencl-icd" ]; umount {DRIVERS}')
        self.mended("no_device")
        self.assertEqual(len(self.machine.melon("devices", "-o", "json").json), 1)

    def test_no_driver(self):
        self.machine.up()
        self.empty(DRIVERS)
        self.stand_in("apt-get", f'[ "$*" = "install -y --reinstall pocl-opencl-icd" ]; umount {DRIVERS}')
        self.mended("opencl_driver_missing")

    def test_a_variable_hides_the_drivers(self):
        self.machine.up()
        self.mended_in_shell("opencl_drivers_hidden", OCL_ICD_VENDORS=str(self.stand_ins))

    def test_no_loader(self):
        self.machine.up()
        listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
        loader = os.path.realpath(re.search(r"libOpenCL\.so\.1 .*=> (/\S+)", listed)[1])
        mount("--bind", "/dev/null", loader)
        self.addCleanup(subprocess.run, ["umount", loader], stderr=subprocess.DEVNULL)
        self.stand_in("apt-get", f'[ "$*" = "install -y --reinstall ocl-icd-libopencl1" ]; umount {loader}')
        self.mended("opencl_loader_missing")

    def test_a_device_that_another_daemon_holds(self):
        other = Machine()
        self.addCleanup(other.remove)
        other.config.write_text(self.machine.config.read_text())
        other.up()
        self.machine.up()
        self.assertNotIn("no_device", self.findings())
        self.mended("device_held")
        self.run_detached("mine", "sleep", "1000")

    def test_what_another_daemon_granted_before(self):
        other = Machine()
        self.addCleanup(other.remove)
        other.config.write_text(self.machine.config.read_text())
        other.up()
        other.melon("run", "--name", "theirs", "--memory", "16MiB", "--detach", "--", PYTHON, "-c", TENANT, "8")
        eventually("it holds memory", lambda: "holds" in other.melon("logs", "theirs").out)
        other.melon("down")
        self.machine.up()
        self.unmanaged = str(other.folder)
        self.mended("foreign_grant")

    def test_a_lock_that_is_a_link(self):
        self.machine.up()
        self.machine.melon("down")
        locks = self.machine.folder / "locks"
        for lock in locks.iterdir():
            lock.unlink()
            lock.symlink_to(self.machine.config)
            os.lchown(lock, ALICE, ALICE)
        runtime = self.machine.folder / "runtime"
        runtime.mkdir()
        os.chown(runtime, ALICE, ALICE)
        own = {"uid": ALICE, "XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(runtime), "MELON_SOCKET": ""}
        done = self.shell(f"melon up --detach --config {self.machine.config}", **own)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(self.shell, "melon down", **own)
        self.mended("device_lock_refused", **own)

    def test_a_lock_folder_that_cannot_be_made(self):
        folder = self.machine.folder / "not" / "there"
        config = self.machine.config.read_text()
        self.machine.config.write_text(re.sub("(?m)^lock_folder: .*", f"lock_folder: {folder}", config))
        self.machine.up()
        self.assertIn(f"'{folder}'", self.found("device_lock_refused")["message"])
        refused = self.machine.melon("run", "--memory", "16MiB", "--", "true")
        self.assertEqual(refused.code, 125)
        self.assertIn(f"'{folder}'", refused.err)
        self.mended("device_lock_refused")
        self.assertEqual(self.machine.melon("run", "--memory", "16MiB", "--", "true").code, 0)

    def test_a_device_that_is_gone(self):
        self.machine.up()
        self.run_detached("bereft", "sleep", "1000")
        self.machine.melon("down")
        self.empty(DRIVERS)
        self.machine.up()
        self.mended("device_gone")

    def test_no_library(self):
        root = self.machine.folder / "installed"
        (root / "bin").mkdir(parents=True)
        shutil.copy(MELON, root / "bin" / "melon")
        (self.stand_ins / "melon").symlink_to(root / "bin" / "melon")
        done = self.shell(f"melon up --detach --state {self.machine.state} --config {self.machine.config}")
        self.assertEqual(done.returncode, 0, done.stderr)
        # What `make install` does once all is built, to a root of its own.
        build = pathlib.Path(MELON).parents[2]
        self.stand_in("make", f'[ "$*" = install ]; cmake --install {build} --prefix {root}')
        refused = self.machine.melon("run", "--memory", "16MiB", "--", "true")
        self.assertEqual(refused.code, 125)
        self.assertIn("unenforced", refused.err)
        self.mended("library_missing")
        self.assertEqual(self.machine.melon("run", "--memory", "16MiB", "--", "true").code, 0)


class StoppedAtItsStart(subprocess.Popen):
    """A program that has been executed and does nothing yet."""

    LIBC = ctypes.CDLL(None)
    PTRACE_TRACEME, PTRACE_DETACH = 0, 17

    def __init__(self, command, **options):
        super().__init__(command, preexec_fn=lambda: self.LIBC.ptrace(self.PTRACE_TRACEME, 0, 0, 0), **options)
        os.waitpid(self.pid, os.WUNTRACED)

    def go_on(self):
        assert self.LIBC.ptrace(self.PTRACE_DETACH, self.pid, 0, 0) == 0


class Drivers(DoctorTest):
    """Broken drivers beside the processor's."""

    def setUp(self):
        super().setUp()
        pocl = pathlib.Path(DRIVERS, "pocl.icd").read_text()
        self.empty(DRIVERS)
        pathlib.Path(DRIVERS, "pocl.icd").write_text(pocl)

    def add(self, name, fault):
        library = self.machine.folder / f"{name}.so"
        shutil.copy(pathlib.Path(os.environ["MELON_FAULTY_DRIVERS"], f"libfaulty_driver_{fault}.so"), library)
        pathlib.Path(DRIVERS, f"{name}.icd").write_text(f"{library}\n")

    def offers_the_processor(self):
        self.assertEqual([d["id"] for d in self.machine.melon("devices", "-o", "json").json], ["opencl-0"])

    def test_one_that_crashes(self):
        self.add("bad", "crash")
        self.machine.up()
        self.offers_the_processor()
        self.mended("opencl_driver_crashes")
        self.offers_the_processor()
        self.assertTrue(os.path.exists(f"{DRIVERS}/bad.icd.disabled"))

    def test_one_that_hangs(self):
        self.add("bad", "hang")
        self.machine.up()
        self.offers_the_processor()
        self.mended("opencl_driver_hangs")
        self.offers_the_processor()

    def test_two_that_clash(self):
        self.add("bad", "clash")
        self.add("worse", "clash")
        self.machine.up()
        self.offers_the_processor()
        self.mended("opencl_drivers_clash")
        self.offers_the_processor()
        self.assertEqual(sorted(os.listdir(DRIVERS)), ["bad.icd.disabled", "pocl.icd", "worse.icd"])

    def test_a_binary_that_cannot_be_executed_again(self):
        binary = self.machine.folder / "melon"
        shutil.copy(MELON, binary)
        (self.stand_ins / "melon").symlink_to(binary)
        command = [binary, "up", "--detach", "--state", self.machine.state, "--config", self.machine.config]
        with StoppedAtItsStart(command, env=self.machine.environment_for(), stdout=subprocess.DEVNULL) as starting:
            binary.chmod(0o644)
            starting.go_on()
            self.assertEqual(starting.wait(SOON_SECONDS), 0)
        self.mended("opencl_probe_failed")
        self.offers_the_processor()


class SimulatedNvidia(DoctorTest):
    """Two simulated NVIDIA cards; a file in `faults` makes one of the library's calls fail."""

    def setUp(self):
        super().setUp()
        self.machine.config.write_text(self.machine.config.read_text().replace(IGNORED_LINE, ""))
        library = self.machine.folder / "libnvidia-ml.so.1"
        library.symlink_to(os.environ["MELON_SIMULATED_NVML"])
        self.faults = self.machine.folder / "faults"
        self.faults.mkdir()
        self.machine.environment["LD_LIBRARY_PATH"] = str(self.machine.folder)
        self.machine.environment["MELON_SIMULATED_NVML_FAULTS"] = str(self.faults)


class NvidiaFaults(SimulatedNvidia):
    def fails(self, call, error):
        (self.faults / call).write_text(str(error))

    def cards(self):
        return [d["id"] for d in self.machine.melon("devices", "-o", "json").json if d["vendor"] == "nvidia"]

    def test_a_driver_that_is_not_loaded(self):
        self.fails("init", 9)
        self.machine.up()
        self.stand_in("modprobe", f'[ "$*" = nvidia ]; rm {self.faults}/init')
        self.mended("nvidia_driver_unavailable")
        self.assertEqual(self.cards(), ["nvidia-0", "nvidia-1"])

    def test_a_driver_older_than_its_library(self):
        self.fails("init", 18)
        self.machine.up()
        again = f"melon up --detach --state {self.machine.state} --config {self.machine.config}"
        self.stand_in("systemctl", f'[ "$*" = reboot ]; rm {self.faults}/init; melon down; {again}')
        self.mended("nvidia_driver_outdated")
        self.assertEqual(self.cards(), ["nvidia-0", "nvidia-1"])

    def test_a_card_that_may_not_be_opened(self):
        self.own_device_nodes()
        for name, mode in (("nvidiactl", 0o666), ("nvidia0", 0o666), ("nvidia1", 0o600)):
            pathlib.Path("/dev", name).touch()
            os.chmod(f"/dev/{name}", mode)
        self.machine.up()
        self.assertEqual(self.cards(), ["nvidia-0"])
        self.mended("nvidia_device_denied")
        self.assertEqual(self.cards(), ["nvidia-0", "nvidia-1"])

    def own_device_nodes(self):
        """A /dev of this test, with everything that the machine's has."""
        nodes = self.machine.folder / "dev"
        nodes.mkdir()
        mount("-t", "tmpfs", "none", str(nodes))
        self.addCleanup(subprocess.run, ["umount", "-l", str(nodes)])
        for entry in os.scandir("/dev"):
            here = nodes / entry.name
            if entry.is_symlink():
                here.symlink_to(os.readlink(entry.path))
                continue
            here.mkdir() if entry.is_dir() else here.touch()
            mount("--rbind", entry.path, str(here))
        mount("--rbind", str(nodes), "/dev")
        self.addCleanup(subprocess.run, ["umount", "-l", "/dev"])

    def test_a_card_that_does_not_answer(self):
        self.fails("handle", 15)
        self.machine.up()
        self.assertEqual(self.cards(), ["nvidia-0"])

        def repair():
            (self.faults / "handle").unlink()
            self.machine.melon("down")
            self.machine.up()
        self.mended_by_hand("nvidia_device_unreachable", repair)
        self.assertEqual(self.cards(), ["nvidia-0", "nvidia-1"])

    def test_a_driver_that_hangs_while_cards_are_used(self):
        self.machine.up()
        (self.faults / "hang").touch()
        self.mended("device_look_hangs")

    def test_a_card_that_is_lost_while_it_is_used(self):
        self.machine.up()
        self.assertNotIn("device_unhealthy", self.findings())
        self.fails("memory", 15)
        self.mended_by_hand("device_unhealthy", (self.faults / "memory").unlink)


class Unenforced(SimulatedNvidia):
    def setUp(self):
        super().setUp()
        self.machine.up()

    def test_devices_whose_limits_nobody_keeps(self):
        self.mended("device_unenforced")
        self.assertEqual([d["id"] for d in self.machine.melon("devices", "-o", "json").json], ["opencl-0"])

    def test_they_are_ignored_beside_others(self):
        with open(self.machine.config, "a", encoding="utf-8") as config:
            config.write("ignored_devices: [nvidia-0]\n")
        self.machine.melon("down")
        self.machine.up()
        self.mended("device_unenforced")

    def test_run_refuses_them_unless_it_is_told_and_shows_the_program_that_card_only(self):
        small = ("run", "--type", "nvidia", "--memory", "16MiB")
        refused = self.machine.melon(*small, "--", "true")
        self.assertEqual(refused.code, 125)
        self.assertIn("--unenforced", refused.err)
        inside = self.machine.melon(*small, "--unenforced", "--", "printenv", "CUDA_VISIBLE_DEVICES")
        self.assertEqual((inside.code, inside.out), (0, "GPU-8B0A1C2D-0000-0000-0000-000000000000\n"))
        self.machine.melon(*small, "--unenforced", "--name", "box", "--detach", "--keep", "10m")
        self.assertIn("export CUDA_VISIBLE_DEVICES=GPU-8B0A1C2D-", self.machine.melon("env", "box").out)
        self.assertIn("simulated", self.machine.melon("devices").out.lower())


if __name__ == "__main__":
    unittest.main()
