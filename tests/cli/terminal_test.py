# SPDX-License-Identifier: Apache-2.0
"""`melon run` at a terminal: keys reach the program once, jobs stop and go on, waiting shows progress."""
import os
import pathlib
import pty
import select
import signal
import time
import unittest

from melon_under_test import PYTHON, SOON_SECONDS, MelonTest, eventually

CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"
# Counts SIGINT; SIGQUIT, which comes later, ends it and tells the count.
COUNTS = """
import os, signal, time
interrupts = 0
def interrupt(number, frame):
    global interrupts
    interrupts += 1
    os.write(1, b"interrupted\\n")
def end(number, frame):
    os.write(1, b"%d interrupts in all\\n" % interrupts)
    os._exit(7)
signal.signal(signal.SIGINT, interrupt)
signal.signal(signal.SIGQUIT, end)
os.write(1, b"ready\\n")
while True:
    time.sleep(1000)
"""


class Shell:
    """An interactive bash on a terminal of its own."""

    def __init__(self, environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir("/")
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                      {**environment, "PS1": "prompt> ", "TERM": "xterm", "HISTFILE": "/dev/null"})
        self.unread = ""
        self.line("stty -echo; echo begi''n")
        self.expect("begin")

    def line(self, text):
        self.press(text + "\n")

    def press(self, keys):
        os.write(self.terminal, keys.encode())

    def expect(self, text):
        """What came up to and with this text; what follows is kept for the next call."""
        end = time.monotonic() + SOON_SECONDS
        while text not in self.unread:
            if time.monotonic() > end or not select.select([self.terminal], [], [], SOON_SECONDS)[0]:
                raise AssertionError(f"no {text!r} on the terminal: {self.unread!r}")
            self.unread += os.read(self.terminal, 65536).decode()
        seen, self.unread = self.unread.split(text, 1)
        return seen + text

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def state_of(pid):
    """The letter of /proc and the parent."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return fields[0], int(fields[1])


class Terminal(MelonTest):
    def setUp(self):
        super().setUp()
        self.shell = Shell(self.machine.environment_for())
        self.addCleanup(self.shell.close)

    def status(self):
        self.shell.line("echo status=$?.")
        return int(self.shell.expect(".").split("status=")[1].rstrip("."))

    def foreground(self, name, *words):
        self.shell.line(f"melon run --name {name} --memory 1MiB -- " + " ".join(words))

    def counting(self, name):
        script = pathlib.Path(self.machine.folder) / "counts.py"
        script.write_text(COUNTS)
        self.foreground(name, PYTHON, str(script))
        self.shell.expect("ready")
        return self.wait_state(name, "running")["pids"][0]

    def test_an_interrupt_reaches_the_program_once(self):
        self.counting("keys")
        self.shell.press(CTRL_C)
        self.shell.expect("interrupted")
        self.shell.press(CTRL_BACKSLASH)
        self.shell.expect("1 interrupts in all")
        self.assertEqual(self.status(), 7)
        self.assertEqual(self.wait_state("keys", "failed")["exit_code"], 7)

    def test_a_job_stops_and_goes_on(self):
        program = self.counting("job")
        runner = state_of(program)[1]
        for _ in range(2):
            self.shell.press(CTRL_Z)
            self.shell.expect("Stopped")
            self.eventually("both have stopped", lambda: state_of(program)[0] + state_of(runner)[0] == "TT")
            self.assertEqual(self.workload("job")["state"], "running")
            self.shell.line("fg")
            self.eventually("both go on", lambda: "T" not in state_of(program)[0] + state_of(runner)[0])
        self.shell.press(CTRL_C)
        self.shell.expect("interrupted")
        self.shell.press(CTRL_BACKSLASH)
        self.shell.expect("1 interrupts in all")
        self.assertEqual(self.status(), 7)

    def test_the_live_screen_outlives_a_restart_of_the_daemon(self):
        self.detached("seen")
        self.shell.line("melon top --every 100ms")
        self.shell.expect("seen")
        self.machine.melon("down")
        self.shell.expect("waiting for it to come back")
        self.machine.up()
        self.shell.expect("q quit")
        self.shell.press("q")
        self.shell.expect("prompt> ")  # what is typed earlier, the screen's end throws away
        self.assertEqual(self.status(), 0)

    def test_a_job_in_the_background_is_no_reader_of_the_terminal(self):
        self.shell.line("melon run --name back --memory 1MiB -- sleep 1000 &")
        program = self.wait_state("back", "running")["pids"][0]
        self.shell.line("sleep 1000")
        self.eventually("the shell waits for it", lambda: self.in_front() == "sleep")
        self.shell.press(CTRL_C)
        self.assertEqual(self.status(), 130)
        self.assertEqual((self.workload("back")["state"], state_of(program)[0]), ("running", "S"))
        self.shell.line("kill %1; wait %1")
        self.assertEqual(self.wait_state("back", "failed")["exit_code"], 128 + signal.SIGTERM)

    def test_a_shell_inside_has_jobs_of_its_own(self):
        self.foreground("inner", "env", "PS1=inside: ", "bash", "--norc", "--noediting", "-i")
        self.shell.line("echo $((40 + 2))")
        self.shell.expect("42")
        self.shell.line("sleep 1000")
        self.eventually("it waits for that", lambda: self.in_front() == "sleep")
        self.shell.press(CTRL_C)
        self.assertEqual(self.status(), 130)
        self.assertEqual(self.workload("inner")["state"], "running")
        self.shell.line("exit 3")
        self.wait_state("inner", "failed")
        self.assertEqual(self.status(), 3)

    def in_front(self):
        """The program that the terminal's keys go to. A shell's child is none before it has become its
        program: what reaches it earlier meets the shell's own handlers."""
        try:
            return pathlib.Path(f"/proc/{os.tcgetpgrp(self.shell.terminal)}/comm").read_text().strip()
        except OSError:  # just ended
            return ""

    def test_a_program_outlives_the_killed_command_in_its_slice(self):
        free = self.device()["free_memory_mib"]
        program = self.counting("orphan")
        os.kill(state_of(program)[1], signal.SIGKILL)
        self.shell.expect("Killed")
        self.assertEqual(self.status(), 137)
        workload = self.workload("orphan")
        self.assertEqual((workload["state"], workload["pids"]), ("running", [program]))
        self.assertEqual(self.device()["free_memory_mib"], free - 1)
        self.ok("set", "orphan", "--memory", "2MiB")
        self.ok("stop", "orphan", "--force")
        self.wait_state("orphan", "exited", "failed", "lost")
        self.assertEqual(self.device()["free_memory_mib"], free)
        self.assertFalse(os.path.exists(f"/proc/{program}"))

    def test_waiting_shows_how_long_on_one_line_that_goes(self):
        self.detached("now", "--memory", "60%")
        self.shell.line("melon run --name late --wait --memory 60% -- echo it''runs")
        self.shell.expect("late waits for room")
        for _ in range(2):
            self.shell.expect("\r\x1b[Kmelon: late waits, ")
        self.ok("stop", "now")
        told = self.shell.expect("itruns")
        self.assertTrue(told.endswith("\r\x1b[Kitruns"), repr(told))
        self.assertEqual(self.status(), 0)

    def test_a_stop_shows_how_long_it_takes(self):
        self.detached("stubborn", "--memory", "1MiB", program=(
            PYTHON, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"))
        eventually("it hears no SIGTERM", lambda: "deaf" in self.ok("logs", "stubborn").out)
        self.shell.line("melon stop stubborn --grace 1h")
        self.shell.expect("\r\x1b[Kmelon: stubborn is ending, ")
        self.ok("stop", "stubborn", "--force")
        told = self.shell.expect("stubborn stopped")
        self.assertTrue(told.endswith("\r\x1b[Kstubborn stopped"), repr(told))

    def test_so_does_the_end_of_all(self):
        self.addCleanup(self.machine.up)  # for the tests that follow
        self.detached("stubborn", "--memory", "1MiB", program=(
            PYTHON, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"))
        eventually("it hears no SIGTERM", lambda: "deaf" in self.ok("logs", "stubborn").out)
        pid = self.workload("stubborn")["pids"][0]
        self.shell.line("melon down --stop-all")
        self.shell.expect("\r\x1b[Kmelon: every program is ending, ")
        os.kill(pid, signal.SIGKILL)
        told = self.shell.expect("every program have ended")
        self.assertIn("\r\x1b[Kmelon: the daemon", told)


if __name__ == "__main__":
    unittest.main()
