# SPDX-License-Identifier: Apache-2.0
"""What `melon env NAME --docker` prints is enough for a container: its mounts and variables, and no
other, given to a root of its own (bubblewrap), let an OpenCL program see, obey and show its slice."""
import os
import shlex
import shutil
import subprocess
import unittest

from melon_under_test import ALICE, PYTHON, SOON_SECONDS, TENANT, MelonTest

# A minimal image: programs, drivers, nothing of this machine's /tmp, /run, /var and home folders.
IMAGE = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--ro-bind", "/etc/OpenCL", "/etc/OpenCL",
         "--ro-bind", "/etc/alternatives", "/etc/alternatives", "--ro-bind", "/sys", "/sys",
         "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--clearenv",
         "--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp",
         "--setenv", "OCL_ICD_VENDORS", "/etc/OpenCL/vendors/pocl.icd"]
OWN_NAMESPACES = ["--unshare-pid", "--unshare-ipc", "--unshare-net"]  # as docker run gives


def container_arguments(docker):
    """bwrap's words for the options of docker run."""
    words, arguments = shlex.split(docker), []
    for option, value in zip(words[::2], words[1::2]):
        if option == "--volume":
            source, target, *mode = value.split(":")
            arguments += ["--ro-bind" if mode == ["ro"] else "--bind", source, target]
        else:
            assert option == "--env", option
            name, _, content = value.partition("=")
            arguments += ["--setenv", name, content]
    return arguments


def why_not():
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    done = subprocess.run(["bwrap", *IMAGE, *OWN_NAMESPACES, "true"], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode != 0 else ""


@unittest.skipIf(why_not(), f"SKIPPED: no container can be made here: {why_not()}")
class Containers(MelonTest):
    def container(self, name, *program, namespaces=(), uid=None, before=()):
        docker = self.ok("env", name, "--docker").out
        user = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        started = subprocess.Popen([*before, "bwrap", *IMAGE, *namespaces, *container_arguments(docker), "--",
                                    *program], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   cwd="/", **user)
        self.addCleanup(started.wait)
        self.addCleanup(started.stdout.close)
        self.addCleanup(started.kill)
        return started

    def reserve(self, name, *words, uid=None):
        self.ok("run", "--name", name, "--memory", "24MiB", "--detach", *words, uid=uid)

    def test_a_program_sees_its_slice(self):
        self.reserve("box", "--keep", "10m")
        for namespaces in ((), OWN_NAMESPACES):
            seen = self.container("box", "clinfo", "--raw", "--prop", "CL_DEVICE_GLOBAL_MEM_SIZE",
                                  namespaces=namespaces)
            self.assertRegex(seen.communicate(timeout=SOON_SECONDS)[0], rf"\b{24 << 20}\b")

    def obeys_and_is_shown(self, namespaces, uid=None):
        self.reserve("box", "--keep", "3s", uid=uid)
        program = self.container("box", PYTHON, "-c", TENANT, "16", "12", "8", namespaces=namespaces, uid=uid)
        self.assertEqual(program.stdout.readline(), "holds 16\n")
        self.assertIn("refused 12", program.stdout.readline())
        self.assertEqual(program.stdout.readline(), "holds 8\n")
        self.wait_state("box", "running")
        self.eventually("its use is shown", lambda: self.workload("box")["slices"][0]["used_memory_mib"] == 24)
        pid, = self.eventually("its process is shown", lambda: self.workload("box")["pids"])
        with open(f"/proc/{pid}/cmdline", "rb") as arguments:  # the pid as this machine counts
            self.assertIn(b"pyopencl", arguments.read())
        self.assertEqual(self.workload("box")["flags"], [])
        named = [f["message"] for f in self.melon("doctor", "-o", "json").json]
        self.assertFalse([message for message in named if f"process {pid} " in message])
        self.ok("stop", "box")  # reaches it by that pid
        program.wait(SOON_SECONDS)
        self.wait_state("box", "exited", "failed", "lost")

    def test_a_program_obeys_and_is_shown(self):
        self.obeys_and_is_shown(())

    def test_one_that_counts_its_own_processes_too(self):
        self.obeys_and_is_shown(OWN_NAMESPACES)

    def test_its_time_without_a_process_does_not_run_while_one_is_inside(self):
        self.reserve("box", "--keep", "1s")
        program = self.container("box", PYTHON, "-c", TENANT, "16", namespaces=OWN_NAMESPACES)
        self.assertEqual(program.stdout.readline(), "holds 16\n")
        self.wait_state("box", "running")
        before = self.workload("box")["id"]
        self.detached("clock", "--memory", "1MiB", program=("sleep", "3"))
        self.wait_state("clock", "exited")  # longer than it may be without one
        self.assertEqual((self.workload("box")["state"], self.workload("box")["id"]), ("running", before))

    @unittest.skipUnless(os.geteuid() == 0, "needs root to act as another user")
    def test_another_users_container(self):
        self.obeys_and_is_shown(("--unshare-user", *OWN_NAMESPACES), uid=ALICE)


if __name__ == "__main__":
    unittest.main()
