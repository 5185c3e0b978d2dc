# SPDX-License-Identifier: Apache-2.0
"""The checkers find what they are for: each is run on a small tree with one offence at a time."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {
    "CMakeLists.txt": "project(melon VERSION 9.8.7)\n",
    "tools/packages.txt": "# GROUP NAME\nbuild g++\ntest strace\n",
    "README.md": "See [the base](src/base/README.md).\n",
    "ARCHITECTURE.md": "| L0 | `base` | a |\n| L3 | `net` | b |\n| L4 | `agent` | c |\n",
    "src/base/CMakeLists.txt": "melon_module(base SOURCES a.cc)\n",
    "src/base/README.md": "The base.\n",
    "src/base/a.h": LICENCE + "#pragma once\n#include <vector>\n",
    "src/base/a.cc": LICENCE + '// Does this.\n#include "base/a.h"\n',
    "src/net/CMakeLists.txt": "melon_module(net SOURCES n.cc DEPS base)\n",
    "src/net/README.md": "The net.\n",
    "src/net/n.cc": LICENCE + '// Does that.\n#include "base/a.h"\n#include <boost/asio.hpp>\n#include <thread>\n',
    "src/agent/CMakeLists.txt": "melon_module(agent SOURCES g.cc DEPS net)\n",
    "src/agent/README.md": "The agent.\n",
    "src/agent/g.cc": LICENCE + '// Acts.\n#include "base/a.h"\nconst char* const kName = "MELON_GRANT";\n',
}


def lines(count):
    return LICENCE + "// Is long.\n" + "int x;\n" * (count - 2)


class Checker(unittest.TestCase):
    def check(self, tool, **changes):
        """Exit status and output on the clean tree with these files changed, added or (None) removed."""
        with tempfile.TemporaryDirectory(prefix="melon-checkers-") as name:
            root = pathlib.Path(name)
            files = {**CLEAN, **changes.get("files", {})}
            for path, text in files.items():
                if text is not None:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(text)
            shutil.copy(HERE / tool, root / "tools" / tool)
            for words in (["init", "-q"], ["add", "-A"]):
                subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
            done = subprocess.run([sys.executable, "-B", root / "tools" / tool], capture_output=True, text=True,
                                  check=False, cwd="/")
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def finds(self, tool, path, text, *says):
        status, output = self.check(tool, files={path: text})
        self.assertEqual(status, 1, output)
        for words in says:
            self.assertIn(words, output)

    def accepts(self, tool, path="README.md", text=CLEAN["README.md"]):
        status, output = self.check(tool, files={path: text})
        self.assertEqual(status, 0, output)


class Layers(Checker):
    TOOL = "layers.py"

    def test_a_clean_tree(self):
        self.accepts(self.TOOL)

    def test_an_include_upwards(self):
        self.finds(self.TOOL, "src/base/a.cc", '// a\n#include "agent/g.h"\n', "src/base/a.cc:2: base does not name agent")
        self.finds(self.TOOL, "src/base/a.h", '\n#  include "net/n.h"\n', "src/base/a.h:2: base does not name net")

    def test_a_dependency_upwards_or_in_a_circle(self):
        self.finds(self.TOOL, "src/base/CMakeLists.txt", "melon_module(base SOURCES a.cc DEPS net)",
                   "base must not depend on net", "base depends on itself")
        self.finds(self.TOOL, "src/net/CMakeLists.txt", "target_link_libraries(net melon::agent)",
                   "net must not depend on agent")
        self.finds(self.TOOL, "src/net/CMakeLists.txt", "melon_module(net DEPS nowhere)", "no module is called nowhere")

    def test_what_only_decides_does_not_act(self):
        self.finds(self.TOOL, "src/base/a.cc", "#include <thread>\n", "src/base/a.cc:1: <thread> is for layers that act")
        self.accepts(self.TOOL, "src/base/a_test.cc", "#include <thread>\n")

    def test_threads_where_there_are_none(self):
        status, output = self.check(self.TOOL, files={
            "src/net/CMakeLists.txt": "melon_module(net NO_THREADS SOURCES a.cc DEPS base)",
            "src/net/b.cc": LICENCE + "// B.\nstd::this_thread::yield();\nstd::thread reader;\n"})
        self.assertEqual(status, 1)
        self.assertIn("src/net/b.cc:4: std::thread in net, which says NO_THREADS", output)
        self.assertNotIn("src/net/b.cc:3", output)

    def test_a_library_outside_its_module(self):
        self.finds(self.TOOL, "src/agent/g.cc", "#include <boost/asio.hpp>\n", "<boost/> is included by net only")
        self.finds(self.TOOL, "src/agent/g.cc", "#include <sqlite3.h>\n", "<sqlite3.h> is included by store only")
        self.finds(self.TOOL, "src/agent/g.h", "#include <nlohmann/json.hpp>\n", "JSON is for .cc files")
        self.finds(self.TOOL, "src/base/a.cc", "#include <nlohmann/json.hpp>\n", "JSON is for .cc files")

    def test_a_module_without_a_layer(self):
        status, output = self.check(self.TOOL, files={"src/new/CMakeLists.txt": "x", "src/new/n.cc": LICENCE})
        self.assertEqual(status, 1)
        self.assertIn("module new is in no layer", output)

    def test_a_map_that_shows_something_else(self):
        rows = CLEAN["ARCHITECTURE.md"]
        self.finds(self.TOOL, "ARCHITECTURE.md", rows.replace("L3", "L2"),
                   "the map shows net 0 times as L3", "the map shows net as L2, which is not there")
        self.finds(self.TOOL, "ARCHITECTURE.md", rows + "| L5 | `gone` | d |\n", "the map shows gone as L5")
        self.finds(self.TOOL, "ARCHITECTURE.md", rows + rows, "the map shows agent 2 times as L4")


class Facts(Checker):
    TOOL = "check_facts.py"

    def test_a_clean_tree(self):
        self.accepts(self.TOOL)

    def test_a_name_in_two_places(self):
        self.finds(self.TOOL, "src/net/n.cc", 'getenv("MELON_GRANT");\n',
                   "src/agent/g.cc, src/net/n.cc: environment variable MELON_GRANT")
        status, output = self.check(self.TOOL, files={"src/net/n.cc": 'm("melon_grant_used_bytes");\n',
                                                      "src/agent/h.cc": 'm("melon_grant_used_bytes");\n'})
        self.assertEqual((status, "metric melon_grant_used_bytes is spelled more than once" in output), (1, True))
        self.accepts(self.TOOL, "src/net/n.cc", '// "MELON_GRANT" is named here\n')
        self.accepts(self.TOOL, "src/net/n_test.cc", 'getenv("MELON_GRANT");\n')

    def test_a_repeated_version_and_package(self):
        self.finds(self.TOOL, "src/net/n.cc", 'say("9.8.7");\n', "src/net/n.cc: repeats the version 9.8.7")
        self.finds(self.TOOL, "tools/packages.txt", "build g++\ntest g++\n", "g++ is listed twice")
        self.finds(self.TOOL, "tools/packages.txt", "build\n", "'build' is not GROUP NAME")


class Files(Checker):
    TOOL = "check_files.py"

    def test_a_clean_tree(self):
        self.accepts(self.TOOL)

    def test_sources(self):
        self.finds(self.TOOL, "src/net/n.cc", "int x;\n// Does that.\n", "src/net/n.cc: the licence is missing")
        self.finds(self.TOOL, "src/net/n.cc", LICENCE + "int x;\n", "does not say what the file does")
        self.finds(self.TOOL, "src/net/n.cc", LICENCE + "// Does that.\n// TO" "DO later\n", "a loose end")
        self.finds(self.TOOL, "demo/x.py", "print()\n", "begin with: # SPDX-License-Identifier")

    def test_lengths(self):
        self.finds(self.TOOL, "src/net/n.cc", lines(401), "src/net/n.cc: 401 lines, at most 400")
        self.accepts(self.TOOL, "src/net/n.cc", lines(400))
        self.finds(self.TOOL, "src/net/n_test.cc", lines(601), "601 lines, at most 600")
        self.accepts(self.TOOL, "src/net/n_test.cc", lines(600))

    def test_pages(self):
        self.finds(self.TOOL, "README.md", "[there](docs/none.md#part)", "README.md: the link docs/none.md leads nowhere")
        self.finds(self.TOOL, "src/net/README.md", "word\n" * 31, "longer than 30 lines")
        self.finds(self.TOOL, "src/net/README.md", None, "src/net: README.md is missing")


class Packages(unittest.TestCase):
    """install-packages.sh with stand-ins for dpkg-query, apt-get and id: nothing is installed."""

    def run_with(self, installed, user="0", groups=("test",), listed="build g++\ntest strace\ntest tmux\n"):
        with tempfile.TemporaryDirectory(prefix="melon-packages-") as name:
            root = pathlib.Path(name)
            (root / "packages.txt").write_text(listed)
            shutil.copy(HERE / "install-packages.sh", root)
            bin_folder = root / "bin"
            bin_folder.mkdir()
            state = f'for known in {installed}; do [ "$4" = "$known" ] && printf installed; done; true'
            for command, script in (("dpkg-query", state), ("apt-get", f'echo "$@" >> {root}/asked; exit 1'),
                                    ("apt-cache", "exit 1"), ("id", f"echo {user}")):
                (bin_folder / command).write_text(f"#!/bin/sh\n{script}\n")
                (bin_folder / command).chmod(0o755)
            done = subprocess.run([root / "install-packages.sh", *groups], capture_output=True, text=True, check=False,
                                  env={"PATH": f"{bin_folder}:/usr/bin:/bin"})
            asked = (root / "asked").read_text() if (root / "asked").exists() else ""
        return done.returncode, done.stdout, done.stderr, asked

    def test_with_everything_there_it_is_silent_and_asks_nobody(self):
        self.assertEqual(self.run_with("strace tmux"), (0, "", "", ""))
        self.assertEqual(self.run_with("strace tmux", user="1000"), (0, "", "", ""))

    def test_it_says_what_is_missing_and_who_installs(self):
        status, out, err, asked = self.run_with("strace", user="1000")
        self.assertEqual((status, out, asked), (1, "install-packages: installing tmux\n", ""))
        self.assertIn("only root installs packages; run: sudo", err)

    def test_unknown_groups_are_refused(self):
        status, _, err, asked = self.run_with("", groups=("tset",))
        self.assertEqual((status, asked), (2, ""))
        self.assertIn("no group 'tset'", err)

    def test_it_never_removes_anything(self):
        script = (HERE / "install-packages.sh").read_text()
        commands = re.findall(r"apt-get (\w+)((?:.*\\\n)*.*)", script)
        self.assertEqual({verb for verb, _ in commands}, {"install", "update"})
        for verb, options in commands:
            if verb == "install":
                self.assertIn("--no-remove", options)

    def test_it_is_a_script(self):
        for script in sorted(HERE.glob("*.sh")):
            subprocess.run(["sh", "-n", script], check=True)


if __name__ == "__main__":
    unittest.main()
