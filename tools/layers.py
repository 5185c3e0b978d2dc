#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares every #include of src/ with what CMake says a module may use.

A module is a folder with a CMakeLists.txt. Its DEPS (or the melon:: libraries that its targets
link) are the truth; they must not lead upwards or round in a circle. The map in ARCHITECTURE.md
names every module once, with its layer. Prints each offence as FILE:LINE: rule, and fails when
there is one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

# Layers, lowest first. What stands apart depends only on its own kind; two modules meet it in
# shim/abi: the agent, by shared memory, and devlib, by the keys that name devices.
LAYERS = [
    ["base"],
    ["core", "vendors"],
    ["placement", "placement/pickers", "simulate"],
    ["os", "net", "config", "annotations", "kube", "store", "devlib", "telemetry"],
    ["agent", "cli"],
    ["apps"],
]
APART = ["shim/abi", "shim/core", "shim/opencl", "sim/opencl"]

# Modules of layers 0 to 2 decide and do not act: nothing that reads, writes, waits or draws lots.
PURE_LAYERS = 3
IMPURE = re.compile(
    r"<(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|"
    r"fstream|iostream|filesystem|random|ctime|csignal|cstdio|"
    r"unistd\.h|fcntl\.h|pthread\.h|poll\.h|dlfcn\.h|signal\.h|stdio\.h|time\.h|sys/.*|linux/.*)>"
)

# What starts threads or runs on several.
THREADS = re.compile(r"std::(jthread\b|thread\b(?!::)|async\b|(shared_)?mutex\b)|pthread_create|boost/asio")

# Third-party headers and the only modules that include them.
ONLY_IN = {
    "boost/": ["net"],
    "yaml-cpp/": ["config"],
    "CLI/": ["cli", "apps"],
    "spdlog/": ["telemetry"],
    "prometheus/": ["telemetry"],
    "sqlite3.h": ["store"],
    "zlib.h": ["os"],
    "CL/": ["devlib", "shim/opencl", "sim/opencl"],
}
JSON_FROM_LAYER = 3

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
IS_TEST = re.compile(r"(_test|_bench|_fuzz)\.cc$|(^|/)(testing|test_\w+|\w+_fixture)\.h$")


def layer_of(module: str) -> int | None:
    for number, modules in enumerate(LAYERS):
        if module in modules:
            return number
    return None


def sources_in(folder: str) -> bool:
    """False for a folder that only groups modules, as shim/ does."""
    return any(path.suffix in (".h", ".cc", ".c") for path in (SRC / folder).iterdir())


def target_names(modules: list[str]) -> dict[str, str]:
    """CMake's name of each module: shim/abi is melon::shim_abi."""
    return {module.replace("/", "_"): module for module in modules}


def read_modules() -> dict[str, set[str]]:
    """Module -> the modules that its CMakeLists.txt names."""
    folders = sorted(path.parent.relative_to(SRC).as_posix() for path in SRC.rglob("CMakeLists.txt"))
    modules = [folder for folder in folders if sources_in(folder)]
    names = target_names(modules)
    uses = {}
    for module in modules:
        text = re.sub(r"#.*", "", (SRC / module / "CMakeLists.txt").read_text())
        found = set(re.findall(r"melon::(\w+)", text)) | set(re.findall(r"sources_of\(melon_(\w+)", text))
        for words in re.findall(r"DEPS\s+((?:\w+\s*)+)", text):
            for word in words.split():
                if word.isupper():
                    break
                found.add(word)
        unknown = found - set(names)
        if unknown:
            print(f"src/{module}/CMakeLists.txt: no module is called {', '.join(sorted(unknown))}")
            sys.exit(1)
        uses[module] = {names[name] for name in found} - {module}
    return uses


def threadless(modules: list[str]) -> set[str]:
    """Those that say NO_THREADS in their CMakeLists.txt."""
    return {module for module in modules
            if re.search(r"\bNO_THREADS\b", (SRC / module / "CMakeLists.txt").read_text())}


def closure(uses: dict[str, set[str]], module: str) -> set[str]:
    seen: set[str] = set()
    todo = list(uses[module])
    while todo:
        next_module = todo.pop()
        if next_module not in seen:
            seen.add(next_module)
            todo += uses[next_module]
    return seen


def check_dependencies(uses: dict[str, set[str]]) -> list[str]:
    offences = []
    for module, used in uses.items():
        where = f"src/{module}/CMakeLists.txt"
        if layer_of(module) is None and module not in APART:
            offences.append(f"{where}: module {module} is in no layer; add it to tools/layers.py")
            continue
        if module in closure(uses, module):
            offences.append(f"{where}: {module} depends on itself, by way of {', '.join(sorted(used))}")
        for other in sorted(used):
            mine, theirs = layer_of(module), layer_of(other)
            if theirs is None:
                allowed = mine is None or (module in ("agent", "devlib") and other == "shim/abi")
            else:
                allowed = mine is not None and theirs <= mine
            if not allowed:
                offences.append(f"{where}: {module} must not depend on {other}: it is no layer below")
    return offences


def module_of(path: str, modules: list[str]) -> str | None:
    """The deepest module that a path below src/ is in."""
    fitting = [module for module in modules if path.startswith(module + "/")]
    return max(fitting, key=len) if fitting else None


def check_include(module: str, name: str, quoted: bool, in_header: bool, is_test: bool,
                  allowed: set[str], modules: list[str]) -> str | None:
    """The rule that one include breaks, or None."""
    if quoted:
        target = module_of(name, modules)
        if target is not None and target != module and target not in allowed:
            return f"{module} does not name {target} in its DEPS"
        return None
    layer = layer_of(module)
    for prefix, owners in ONLY_IN.items():
        if name.startswith(prefix) and module not in owners:
            return f"<{prefix}> is included by {' and '.join(owners)} only"
    is_forward = name == "nlohmann/json_fwd.hpp"  # costs readers of a header nothing
    if name.startswith("nlohmann/") and not is_test and (
            (in_header and not is_forward) or layer is None or layer < JSON_FROM_LAYER):
        return "JSON is for .cc files from layer 3 up; headers include <nlohmann/json_fwd.hpp>"
    if layer is not None and layer < PURE_LAYERS and not is_test and IMPURE.match(f"<{name}>"):
        return f"<{name}> is for layers that act; {module} only decides"
    return None


def check_includes(uses: dict[str, set[str]]) -> list[str]:
    offences = []
    modules = list(uses)
    allowed = {module: closure(uses, module) for module in modules}
    without_threads = threadless(modules)
    for path in sorted(SRC.rglob("*.*")):
        if path.suffix not in (".h", ".cc", ".c", ".def"):
            continue
        name = path.relative_to(SRC).as_posix()
        module = module_of(name, modules)
        if module is None:
            continue
        is_test = IS_TEST.search(name) is not None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            threads = THREADS.search(line)
            if threads and module in without_threads and not is_test:
                offences.append(f"src/{name}:{number}: {threads[0]} in {module}, which says NO_THREADS: "
                                "the thread sanitizer would pass it by")
            found = INCLUDE.match(line)
            if not found:
                continue
            rule = check_include(module, found[2], found[1] == '"', path.suffix == ".h", is_test,
                                 allowed[module], modules)
            if rule:
                offences.append(f"src/{name}:{number}: {rule}")
    return offences


def check_map(uses: dict[str, set[str]]) -> list[str]:
    """ARCHITECTURE.md shows the modules that there are, each in its layer."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    shown = re.findall(r"^\| (L\d|apart) \| `([\w/]+)` \|", text, re.MULTILINE)
    there = {module: "apart" if layer_of(module) is None else f"L{layer_of(module)}" for module in uses}
    return [f"ARCHITECTURE.md: the map shows {module} {shown.count((layer, module))} times as {layer}, not once"
            for module, layer in sorted(there.items()) if shown.count((layer, module)) != 1] + [
        f"ARCHITECTURE.md: the map shows {module} as {layer}, which is not there"
        for layer, module in shown if there.get(module) != layer]


def main() -> int:
    uses = read_modules()
    offences = check_dependencies(uses) + check_includes(uses) + check_map(uses)
    for offence in offences:
        print(offence)
    print(f"layers: {len(uses)} modules, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
