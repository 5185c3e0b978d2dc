#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each fact is written once: fails when a name that the outside knows is spelled in two places.

A name is a string literal of C++ code (tests apart) or a word of data; whoever needs it a second
time includes the constant. Prints each name with its places, and fails when there is one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
IS_TEST = re.compile(r"(_test|_bench|_fuzz)\.cc$|(^|/)(testing|test_\w+|\w+_fixture)\.h$")

LITERALS = {
    "environment variable": re.compile(r'"(MELON_[A-Z][A-Z_]*)=?"'),
    "metric": re.compile(r'"(melon_[a-z]+(?:_[a-z]+)+)"'),
    "resource of a cluster": re.compile(r'["\s]([a-z]+(?:-[a-z]+)*\.com/[a-z][a-z.-]*)'),
    "key of the configuration": re.compile(r'^    (?:daemon|limit)_key<[^(]*\(\s*"([a-z_]+)"', re.M),
}


def sources() -> list[pathlib.Path]:
    files = [path for path in SRC.rglob("*") if path.suffix in (".cc", ".h", ".c", ".def", ".yaml")]
    return sorted(path for path in files if not IS_TEST.search(path.as_posix()))


def without_comments(path: pathlib.Path) -> str:
    text = path.read_text()
    if path.suffix == ".yaml":
        return re.sub(r"#.*", "", text)
    return re.sub(r"(?m)^\s*//.*|\s//[^\"\n]*$", "", text)


def repeated_literals() -> list[str]:
    offences = []
    for what, pattern in LITERALS.items():
        places: dict[str, set[str]] = {}
        for path in sources():
            for name in pattern.findall(without_comments(path)):
                places.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
        for name, files in sorted(places.items()):
            if len(files) > 1:
                offences.append(f"{', '.join(sorted(files))}: {what} {name} is spelled more than once; "
                                 "keep it in one header, as a constant")
    return offences


def repeated_version() -> list[str]:
    """The version is the project's in CMakeLists.txt; nothing else repeats it."""
    version = re.search(r"project\(\w+ VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    pattern = re.compile(r'"v?' + re.escape(version) + '"')
    return [f"{path.relative_to(ROOT)}: repeats the version {version}; use MELON_VERSION from CMake"
            for path in sources() if pattern.search(path.read_text())]


def repeated_packages() -> list[str]:
    lines = [line.split() for line in (ROOT / "tools/packages.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    offences = [f"tools/packages.txt: '{' '.join(line)}' is not GROUP NAME"
                for line in lines if len(line) != 2]
    names = [line[1] for line in lines if len(line) == 2]
    offences += [f"tools/packages.txt: {name} is listed twice"
                 for name in sorted({name for name in names if names.count(name) > 1})]
    return offences


def main() -> int:
    offences = repeated_literals() + repeated_version() + repeated_packages()
    for offence in offences:
        print(offence)
    print(f"facts: {len(offences)} repeated")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
