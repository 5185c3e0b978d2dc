# SPDX-License-Identifier: Apache-2.0
"""Shells that read the printed completion complete commands, options, values, workloads, programs."""
import re
import shlex
import shutil
import subprocess
import unittest

from melon_under_test import MELON, MelonTest


class Completion:
    """What every shell must offer; `offers(line)` is the set of words for the line's last one."""

    def test_what_is_offered(self):
        self.detached("web-1", "--memory", "1MiB")
        for line, words in (("melon re", {"resume"}), ("melon ru", {"run"}), ("melon run --sh", {"--share"}),
                            ("melon run --mem", {"--memory"}), ("melon vendors s", {"show"}),
                            ("melon run --share ", {"hard", "weighted", "burst"}),
                            ("melon set --priority ", {"low", "normal", "high"}), ("melon ps -o j", {"json"}),
                            ("melon run --device ", {"opencl-0"}), ("melon stop we", {"web-1"}),
                            ("melon set web", {"web-1"})):
            with self.subTest(line=line):
                self.assertEqual(self.offers(line), words)
        self.assertLessEqual({"run", "resume", "ps", "up"}, self.offers("melon "))
        self.assertIn("clinfo", self.offers("melon run -- clinf"))
        self.assertIn("/etc/passwd", self.offers("melon run -- cat /etc/passw"))
        self.assertNotIn("resume", self.offers("melon run -- re"))


class Bash(Completion, MelonTest):
    def offers(self, line):
        words = line.split(" ")
        script = (f"source <({MELON} completion bash); COMP_WORDS=({shlex.join(words)}); "
                  f"COMP_CWORD={len(words) - 1}; _melon; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", script], env=self.machine.environment_for(), text=True,
                              capture_output=True, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_every_option_of_the_help_is_completed(self):
        for name in ("up", "run", "set", "stop", "logs", "top"):
            text = self.ok(name, "--help").out.split("Options\n", 1)[1].split("Examples")[0]
            options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE))
            self.assertTrue(options)
            self.assertLessEqual(options, self.offers(f"melon {name} --"))


@unittest.skipUnless(shutil.which("fish"), "SKIPPED: fish is not installed")
class Fish(Completion, MelonTest):
    def load(self):
        return f"{MELON} completion fish | source"

    def offers(self, line):
        script = f"{self.load()}; complete -C {shlex.quote(line)}"
        done = subprocess.run(["fish", "--no-config", "-c", script], env=self.machine.environment_for(),
                              text=True, capture_output=True, check=True, cwd="/")
        self.assertEqual(done.stderr, "")
        return {offered.split("\t")[0] for offered in done.stdout.splitlines()}


class FishFromAFolder(Fish):
    """As `make install` leaves it: read when the first completion needs it."""

    def load(self):
        folder = self.machine.folder / "fish"
        folder.mkdir(exist_ok=True)
        (folder / "melon.fish").write_text(self.ok("completion", "fish").out)
        return f"set -p fish_complete_path {folder}"


@unittest.skipUnless(shutil.which("zsh"), "SKIPPED: zsh is not installed")
class Zsh(Completion, MelonTest):
    # A shell on a terminal of its own, whose TAB says what it would offer instead of showing it.
    SCRIPT = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= ; LOAD"
zpty -w shell 'compadd() {
  local -a found; local -i answers=0; local word
  for word in "$@"; do case $word in (-O|-A|-D) answers=1 ;; esac; done
  if (( answers )); then builtin compadd "$@"; return; fi
  builtin compadd -A found "$@"
  for word in $found; do print -r -- "<offer>$IPREFIX$word</offer>"; done
  builtin compadd "$@"
}
zle -C say complete-word _offer; _offer() { _main_complete; compstate[insert]=; compstate[list]=; }
said() { zle say; print "<said>"; }; zle -N said; bindkey "^I" said'
zpty -w shell 'print "<re""ady>"'
zpty -r shell seen '*<ready>*'
zpty -w -n shell "$1"$'\t'
zpty -r shell seen '*<said>*'
print -r -- "$seen"
zpty -d shell
"""

    COMPINIT = "autoload -U compinit; compinit -D -u"

    def load(self):
        return f"{self.COMPINIT}; source <({MELON} completion zsh)"

    def offers(self, line):
        done = subprocess.run(["zsh", "-f", "-c", self.SCRIPT.replace("LOAD", self.load()), "zsh", line],
                              env={**self.machine.environment_for(), "TERM": "dumb"}, text=True,
                              capture_output=True, cwd="/", timeout=60, check=True)
        return set(re.findall(r"<offer>(.*?)</offer>", done.stdout))


class ZshFromAFolder(Zsh):
    """As `make install` leaves it."""

    def load(self):
        folder = self.machine.folder / "zsh"
        folder.mkdir(exist_ok=True)
        (folder / "_melon").write_text(self.ok("completion", "zsh").out)
        return f"fpath=({folder} $fpath); {self.COMPINIT}"


if __name__ == "__main__":
    unittest.main()
