# SPDX-License-Identifier: Apache-2.0
"""What people see: help, suggestions, colour, the live screen, completion."""
import os
import pty
import select
import shutil
import subprocess
import unittest

from melon_under_test import MELON, PYTHON, SOON_SECONDS, MelonTest

COLOUR = "\x1b["


class Help(MelonTest):
    def commands(self):
        section = self.ok("--help").out.split("Commands\n")[1].split("\n\n")[0]
        return [line.split()[0] for line in section.splitlines()]

    def test_every_command_has_help_with_an_example(self):
        self.assertEqual(set(self.commands()), set(
            "up down devices run exec env ps top set suspend resume stop wait explain capacity logs events vendors sim "
            "doctor version completion".split()))
        for name in self.commands():
            text = self.ok(name, "--help").out
            self.assertIn(f"Usage: melon {name}", text)
            self.assertRegex(text.split("Examples\n")[1], rf"melon (completion )?{name}|melon {name}")
            self.assertEqual(text, self.ok("help", name).out)
            self.assertLessEqual(max(map(len, text.splitlines())), 110)

    def test_mistyped_commands_and_options(self):
        for typed, meant in (("pss", "ps"), ("devics", "devices"), ("rnu", "run"), ("dctor", "doctor")):
            self.fails(2, typed, says=[f"'{typed}'", f"did you mean '{meant}'"])
        self.fails(2, "ps", "--al", says=["'--al'", "--all"])
        self.fails(2, "vendors", "shwo", "opencl", says=["did you mean 'show'"])
        self.fails(2, "ps", "surplus", says=["'surplus'"])
        self.fails(2, "ps", "-o", "xml", says=["'xml'", "table, wide, json, yaml"])
        self.fails(2, "ps", "--", "true", says=["'--'"])
        self.fails(2, "vendors", "show", says=["NAME"])
        self.fails(2, "completion", "tcsh", says=["'tcsh'", "bash"])
        nothing = self.melon()
        self.assertEqual((nothing.code, nothing.out), (2, ""))
        self.assertIn("Usage: melon COMMAND", nothing.err)

    def test_version(self):
        told = self.ok("version", "-o", "json").json
        self.assertEqual(told["client"]["version"], told["daemon"]["version"])

    def test_vendors_are_checked_and_tried_without_a_daemon(self):
        acme = os.path.join(os.path.dirname(__file__), "..", "data", "vendors", "acme.yaml")
        self.assertIn("vendor 'acme' with 1 backends keeps the rules", self.ok("vendors", "check", acme).out)
        self.assertEqual(self.ok("vendors", "check", acme, "-o", "json").json["backends"], ["Acme"])
        self.assertIn("half", self.ok("vendors", "admit", "--filename", acme,
                                      "acme.com/card=1,acme.com/card-memory=5000").out)
        self.fails(2, "vendors", "admit", "nvidia.com/gpu=1,nvidia.com/gpumem=16Gi", says=["nvidia.com/gpumem", "16384"])
        self.fails(3, "vendors", "check", "/nowhere.yaml", says=["/nowhere.yaml"])
        self.fails(2, "vendors", "admit", "nvidia.com/gpu", says=["NAME=VALUE"])

    def test_vendors(self):
        self.assertLessEqual({"opencl", "nvidia", "ascend"}, {v["id"] for v in self.ok("vendors", "-o", "json").json})
        self.assertEqual(self.ok("vendors", "show", "nvidia", "-o", "json").json["enforcement"], "none")
        self.assertIn("discovery: opencl", self.ok("vendors", "show", "opencl").out)


class Terminal(MelonTest):
    def on_a_terminal(self, *words, **environment):
        """What the command writes to a terminal."""
        main, other = pty.openpty()
        env = {**self.machine.environment_for(), "TERM": "xterm", **environment}
        process = self.machine.popen(*words, stdout=other, stdin=other, stderr=other, env=env)
        os.close(other)
        text = b""
        while select.select([main], [], [], SOON_SECONDS)[0]:
            try:
                piece = os.read(main, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(main)
        process.wait(SOON_SECONDS)
        return text.decode()

    def test_colour_only_on_a_terminal(self):
        self.detached("one", "--memory", "1MiB")
        self.assertNotIn(COLOUR, self.ok("ps").out)
        self.assertIn(COLOUR, self.on_a_terminal("ps"))
        self.assertNotIn(COLOUR, self.on_a_terminal("ps", NO_COLOR="1"))
        self.assertNotIn(COLOUR, self.on_a_terminal("ps", "-o", "json"))

        self.assertNotIn(COLOUR, self.on_a_terminal("ps", TERM="dumb"))

    def test_output_that_cannot_be_written_is_no_success(self):
        for words in (["ps", "-o", "json"], ["devices"], ["events"], ["version"], ["--help"], ["ps", "--help"]):
            with open("/dev/full", "w") as full:
                command = self.machine.popen(*words, stdout=full, stderr=subprocess.PIPE)
                err = command.communicate(timeout=SOON_SECONDS)[1]
            self.assertEqual(command.returncode, 1, words)
            self.assertIn("cannot be written: No space left on device", err)

    def test_yaml_holds_any_text(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("SKIPPED: no YAML reader (python3-yaml)")
        odd = "\x01\x7f\u0080\u0085\u009f\u2028\u2029\ufeff\uffff\u00e9\U0001f600"
        self.detached("odd", "--memory", "1MiB", program=("sh", "-c", "sleep 1000", "sh", odd))
        told = yaml.safe_load(self.ok("ps", "-o", "yaml").out)
        self.assertEqual(told[0]["arguments"][-1], odd)

    def test_the_table_of_devices_fits_its_lines(self):
        script = "import fcntl, os, pty, struct, sys, termios\n" \
                 "pid, terminal = pty.fork()\n" \
                 "if pid == 0:\n" \
                 "    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))\n" \
                 "    os.execvp('melon', ['melon', 'devices'])\n" \
                 "try:\n" \
                 "    while True: os.write(1, os.read(terminal, 4096))\n" \
                 "except OSError: pass\n"

        def on_a_terminal(columns):
            done = subprocess.run([PYTHON, "-c", script, str(columns)], capture_output=True, text=True, check=True,
                                  env={**self.machine.environment_for(), "NO_COLOR": "1"}, timeout=SOON_SECONDS)
            return done.stdout.replace("\r", "").splitlines()
        for columns in (80, 100, 120):
            lines = on_a_terminal(columns)
            self.assertIn("ENFORCEMENT", lines[0])
            for line in lines:
                self.assertLessEqual(len(line), columns, line)
        self.assertNotIn("BUSY", on_a_terminal(80)[0])
        self.assertIn("USED", on_a_terminal(160)[0])
        self.assertLessEqual(max(map(len, self.ok("devices").out.splitlines())), 100)
        self.assertIn("USED", self.ok("devices", "-o", "wide").out)

    def test_names_cannot_drive_the_terminal(self):
        self.ok("run", "--name", "rude", "--memory", "1MiB", "--", "true", "\x1b]0;owned\x07")
        wide = self.ok("ps", "-a", "-o", "wide").out
        self.assertIn("rude", wide)
        self.assertNotIn("\x1b", wide)

    def test_top_once_fits_80_by_24(self):
        for i in range(30):
            self.ok("run", "--name", f"box-{i:02}", "--memory", "1MiB", "--detach", "--keep", "10m")
        lines = self.ok("top", "--once", environment={"LC_ALL": "C.UTF-8"}).out.splitlines()
        self.assertLessEqual(max(map(len, lines)), 80)
        text = "\n".join(lines)
        for words in ("opencl-0", "WORKLOAD", "MEMORY", "COMPUTE", "box-00", "0M/1M"):
            self.assertIn(words, text)
        ascii_only = self.ok("top", "--once", environment={"LC_ALL": "C"}).out
        self.assertTrue(ascii_only.isascii())

    def test_top_lives_in_a_terminal(self):
        if not shutil.which("tmux"):
            self.skipTest("SKIPPED: no tmux, so the live screen is not tested")
        self.detached("alpha", "--memory", "8MiB", "--compute", "10%")
        self.detached("beta", "--memory", "16MiB")
        socket = f"{self.machine.folder}/tmux"
        tmux = lambda *words: subprocess.run(["tmux", "-S", socket, *words], text=True, capture_output=True,
                                             env=self.machine.environment_for(), check=True).stdout
        screen = lambda: tmux("capture-pane", "-p")
        tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", f"echo before; {MELON} top; echo status $?; cat")
        self.addCleanup(tmux, "kill-server")
        self.eventually("it shows both", lambda: "alpha" in screen() and "beta" in screen())
        self.assertLess(screen().index("alpha"), screen().index("beta"))
        tmux("send-keys", "s")
        self.eventually("it sorts by memory", lambda: "order: memory" in screen())
        tmux("send-keys", "/bet")
        self.eventually("it filters", lambda: "alpha" not in screen() and "beta" in screen())
        tmux("send-keys", "Enter")
        self.assertLessEqual(len(screen().rstrip("\n").splitlines()), 24)
        tmux("send-keys", "q")
        self.eventually("it leaves the terminal as it was",
                        lambda: "before" in screen() and "status 0" in screen() and "beta" not in screen())


if __name__ == "__main__":
    unittest.main()
