# SPDX-License-Identifier: Apache-2.0
"""What `-o json` prints is what docs/reference/json.md says, key by key, of every command."""
import json
import pathlib
import re
import subprocess
import unittest

from melon_under_test import SOON_SECONDS, Machine, MelonTest
from what_if_test import CARDS, node, pod

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "reference" / "json.md").read_text()
SCHEMA = json.loads((ROOT / "docs" / "reference" / "vendor.schema.json").read_text())
SILENT = {"down", "exec", "logs", "completion"}  # which print no JSON; the page says so


def table(text):
    """The rows of the first table; links and code without their marks."""
    rows = [re.sub(r"\[(\w+)\]\(#\w+\)|`", r"\1", line).strip("|").split("|") for line in text.splitlines()
            if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


SHAPES = {section.split("\n", 1)[0]: {row[0]: row[1] for row in table(section)} for section in PAGE.split("\n## ")[1:]}
OUTPUTS = {row[0]: row[1] for row in table(PAGE.split("\n## ")[0])}
PLAIN = {"text": str, "number": (int, float), "true or false": bool, "object": dict}


def offences(value, said, where):
    """Where the value is not what the words of the page say."""
    said = said.removesuffix(", may be absent")
    if said.endswith(" or null"):
        return [] if value is None else offences(value, said.removesuffix(" or null"), where)
    if said.startswith("list of "):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [one for i, item in enumerate(value)
                for one in offences(item, said.removeprefix("list of "), f"{where}[{i}]")]
    if said.startswith("map of "):
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no map"]
        return [one for key, item in value.items()
                for one in offences(item, said.removeprefix("map of "), f"{where}.{key}")]
    if said in PLAIN:
        is_bool = isinstance(value, bool) and said != "true or false"
        return [] if isinstance(value, PLAIN[said]) and not is_bool else [f"{where}: {value!r} is no {said}"]
    return object_offences(value, said, where)


def object_offences(value, shape, where):
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no {shape}"]
    keys = SHAPES[shape]
    is_descriptor = shape == "Vendor"
    further = set(SCHEMA["properties"]) if is_descriptor else set()
    found = [f"{where}.{key}: not on the page" for key in value if key not in keys and key not in further]
    found += [f"{where}.{key}: not printed" for key, said in keys.items() if key not in value and "absent" not in said]
    for key in value:
        if key in keys:
            found += offences(value[key], keys[key], f"{where}.{key}")
    documented = [key for key in value if key in keys]
    if not is_descriptor and documented != [key for key in keys if key in value]:
        found.append(f"{where}: the order is {documented}")
    return found


class Json(MelonTest):
    def shows(self, command, *words, codes=(0,)):
        """The command's JSON, which is as the page says."""
        ended = self.melon(*words, "-o", "json")
        self.assertIn(ended.code, codes, f"{words}: {ended}")
        self.assertEqual(offences(ended.json, OUTPUTS[command], command), [], ended.out)
        return ended.json

    def test_every_command_is_on_the_page(self):
        section = self.ok("--help").out.split("Commands\n")[1].split("\n\n")[0]
        commands = {line.split()[0] for line in section.splitlines()}
        self.assertEqual({row.split()[1] for row in OUTPUTS} | SILENT, commands)
        tested = set(re.findall(r'"(melon [^"]+)"', pathlib.Path(__file__).read_text()))
        self.assertEqual(set(OUTPUTS) - tested, set())

    def test_of_the_daemon(self):
        self.shows("melon devices", "devices")
        self.shows("melon vendors", "vendors")
        self.shows("melon vendors list", "vendors", "list")
        self.shows("melon vendors show", "vendors", "show", "opencl")
        self.shows("melon doctor", "doctor", codes=(0, 1))
        self.assertIsNone(self.shows("melon version", "version", "--socket", "/no/such.sock")["daemon"])
        self.assertTrue(self.shows("melon version", "version")["daemon"])
        machine = Machine()
        self.addCleanup(machine.remove)
        up = machine.melon("up", "--detach", "--state", str(machine.state), "--config", str(machine.config),
                           "-o", "json")
        self.shows_as("melon up --detach", up)
        self.assertEqual(up.json["socket"], machine.socket)

    def shows_as(self, command, ended):
        self.assertEqual(ended.code, 0, str(ended))
        self.assertEqual(offences(ended.json, OUTPUTS[command], command), [], ended.out)

    def test_of_workloads(self):
        small = ("--memory", "16MiB")
        started = self.shows_started("one", *small, "--", "sleep", "1000")
        self.assertEqual((started["name"], started["state"]), ("one", "running"))
        box = self.ok("run", "--name", "box", *small, "--detach", "-o", "json")
        self.assertEqual(offences(box.json, "Grant", "box"), [])
        self.shows("melon run --dry-run", "run", "--dry-run", *small)
        self.shows("melon env", "env", "one")
        self.assertEqual(len(self.shows("melon ps", "ps")), 2)
        screen = self.shows("melon top --once", "top", "--once")
        self.assertEqual(len(screen["grants"]), 2)
        self.shows("melon explain NAME", "explain", "one")
        self.shows("melon set", "set", "one", "--weight", "50")
        self.shows("melon suspend", "suspend", "one")
        self.shows("melon resume", "resume", "one")
        self.assertTrue(self.shows("melon events", "events"))
        self.shows("melon stop", "stop", "one")
        self.shows("melon wait", "wait", "one", codes=(1,))

    def shows_started(self, name, *words):
        started = self.ok("run", "--name", name, "--detach", "-o", "json", *words)
        self.shows_as("melon run --detach", started)
        return started.json

    def test_one_that_waits_is_explained(self):
        self.detached("large", "--memory", "70%")
        waiting = self.machine.popen("run", "--name", "late", "--memory", "70%", "--wait", "--", "true",
                                     stderr=subprocess.DEVNULL)
        self.addCleanup(waiting.wait, SOON_SECONDS)
        self.addCleanup(waiting.terminate)
        self.wait_state("late", "queued")
        self.assertTrue(self.shows("melon explain NAME", "explain", "late")["refusal"]["rejections"])

    def file(self, name, content):
        path = pathlib.Path(self.machine.folder) / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def test_of_clusters_in_files(self):
        objects = [pod("small", 1000), pod("huge", 900000)]
        pods = {one["metadata"]["name"]: self.file(one["metadata"]["name"] + ".json", one) for one in objects}
        both = self.file("both.json", {"kind": "List", "items": objects})
        objects = [node("n1"), pod("here", 3000, "n1"), {"kind": "Node"}]  # the last one is set aside
        cluster = self.file("cluster.json", {"kind": "List", "items": objects})
        placed = self.shows("melon explain -f --pod", "explain", "-f", cluster, "--pod", pods["small"])
        self.assertTrue(placed["containers"][0]["devices"])
        self.assertTrue(placed["set_aside"])
        self.shows("melon explain -f --pod", "explain", "-f", cluster, "--pod", pods["huge"], codes=(4,))
        self.shows("melon explain -f --pod", "explain", "-f", cluster, "--pod", pods["huge"], "--preempt", codes=(4,))
        self.shows("melon explain -f --pod --gang", "explain", "-f", cluster, "--pod", pods["small"], "--gang", "99",
                   codes=(4,))
        self.shows("melon explain -f --place-all", "explain", "-f", cluster, "--pod", both, "--place-all", codes=(4,))
        self.shows("melon capacity -f --pod", "capacity", "-f", cluster, "--pod", pods["small"])
        scenarios = [str(ROOT / "tests" / "scenarios" / name) for name in ("t47-binpack.yaml", "z1-two-vendors.yaml")]
        self.shows("melon explain --scenario", "explain", "--scenario", *scenarios)

    def test_of_moves(self):
        second = [{**CARDS[0], "id": "GPU-b"}]
        running = [{**pod(f"p{i}", 2000, f"n{i}"), "status": {"phase": "Running"}} for i in (1, 2)]
        for one, card in zip(running, ("GPU-a", "GPU-b")):
            one["metadata"]["annotations"] = {"hami.io/vgpu-devices-allocated": f"{card},NVIDIA,2000,0:;"}
            one["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "r", "controller": True}]
        cluster = self.file("moves.json", {"kind": "List", "items": [node("n1"), node("n2", second), *running]})
        advice = self.shows("melon capacity -f --defragment", "capacity", "-f", cluster, "--defragment")
        self.assertTrue(advice["moves"] or advice["kept"], advice)

    def test_of_a_trace(self):
        nodes = self.file("nodes.csv", "sn,cpu_milli,memory_mib,gpu,model\nn1,64000,262144,2,V100M16\n")
        pods = self.file("pods.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
                         + "".join(f"p{i},1000,1024,1,500\n" for i in range(6)))
        replays = self.shows("melon sim", "sim", "--nodes", nodes, "--pods", pods, "--policy", "fgd", "--seed", "1")
        self.assertTrue(replays[0]["seeds"][0]["levels"])

    def test_of_vendors_in_files(self):
        acme = str(ROOT / "tests" / "data" / "vendors" / "acme.yaml")
        self.shows("melon vendors check", "vendors", "check", acme)
        admitted = self.shows("melon vendors admit", "vendors", "admit", "nvidia.com/gpu=1,nvidia.com/gpumem=3000")
        self.assertTrue(admitted["demands"])

    def test_events_that_come_are_lines_and_items(self):
        self.detached("one", "--memory", "1MiB")
        for form, opens in (("json", "{"), ("yaml", "- ")):
            with self.machine.popen("events", "-f", "one", "-o", form, stdout=subprocess.PIPE) as following:
                line = following.stdout.readline()
                following.terminate()
            self.assertTrue(line.startswith(opens), line)
            if form == "json":
                self.assertEqual(offences(json.loads(line), "Event", "events -f"), [])


if __name__ == "__main__":
    unittest.main()
