# SPDX-License-Identifier: Apache-2.0
"""The look-ups' assembly for aarch64 is assembled, and has the symbols that the rest is linked with."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from in_grant import require

SOURCES = pathlib.Path(os.environ["MELON_TABLE"]).parent
TOOLS = "aarch64-linux-gnu-"


class Aarch64(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.made = os.path.join(folder.name, "dlsym.o")
        done = subprocess.run([TOOLS + "as", "-o", cls.made, SOURCES / "dlsym_aarch64.S"],
                              capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr

    def objdump(self, *options):
        return subprocess.run([TOOLS + "objdump", *options, self.made], check=True,
                              capture_output=True, text=True).stdout

    def test_defines_the_two_look_ups(self):
        defined = re.findall(r"g +F \.text\t([0-9a-f]+) (\w+)", self.objdump("--syms"))
        self.assertEqual({name for _, name in defined}, {"dlsym", "dlvsym"})
        for size, name in defined:
            self.assertGreater(int(size, 16), 0, name)

    def test_needs_the_symbols_that_x86_64_needs(self):
        undefined = set(re.findall(r"\*UND\*\t0+ (\w+)", self.objdump("--syms")))
        macro_uses = re.findall(r"^    look_up (.*)$",
                                (SOURCES / "dlsym_x86_64.S").read_text(), re.MULTILINE)
        wanted = {word for use in macro_uses for word in use.split(", ")[1:]} | {"melon_is_ours"}
        self.assertEqual(undefined, wanted)

    def test_saves_what_the_real_one_needs(self):
        code = self.objdump("--disassemble")
        for body in re.split(r"^[0-9a-f]+ <", code, flags=re.MULTILINE)[1:]:
            calls = body.count("\tbl\t")
            self.assertEqual(calls, 2, body)
            for pair in [r"x0, x1, \[sp, #-32\]!", r"x2, x30, \[sp, #16\]"]:
                self.assertEqual(len(re.findall(r"stp\t" + pair, body)), calls)
            self.assertEqual(len(re.findall(r"ldp\tx2, x30, \[sp, #16\]", body)), calls)
            self.assertEqual(len(re.findall(r"ldp\tx0, x1, \[sp\], #32", body)), calls)

    def test_the_stack_stays_not_executable(self):
        sections = subprocess.run([TOOLS + "readelf", "--sections", "--wide", self.made], check=True,
                                  capture_output=True, text=True).stdout
        note = next(line for line in sections.splitlines() if ".note.GNU-stack" in line)
        self.assertNotIn("X", note.split("PROGBITS")[1])


if __name__ == "__main__":
    require(TOOLS + "as")
    unittest.main()
