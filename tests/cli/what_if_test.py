# SPDX-License-Identifier: Apache-2.0
"""`melon explain -f` and `melon capacity -f`: a cluster in files, no daemon anywhere."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

MELON = os.environ["MELON"]

CARDS = [{"id": "GPU-a", "count": 10, "devmem": 8000, "devcore": 100, "type": "NVIDIA T4",
          "health": True}]


def node(name, cards=CARDS):
    return {"kind": "Node", "metadata": {"name": name, "annotations": {
        "hami.io/node-nvidia-register": json.dumps(cards)}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}}


def pod(name, memory, node_name=None):
    spec = {"containers": [{"name": "main", "resources": {"limits": {
        "nvidia.com/gpu": 1, "nvidia.com/gpumem": memory}}}]}
    if node_name:
        spec["nodeName"] = node_name
    return {"kind": "Pod", "metadata": {"name": name}, "spec": spec}


class WhatIfTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="melon-what-if-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, *objects):
        path = self.folder / name
        path.write_text(json.dumps({"apiVersion": "v1", "items": objects, "kind": "List"}))
        return str(path)

    def run_melon(self, *arguments, given=None):
        environment = {**os.environ, "MELON_SOCKET": str(self.folder / "none.sock")}
        return subprocess.run([MELON, *arguments], capture_output=True, text=True, input=given,
                              timeout=120, env=environment, check=False)

    def test_where_a_pod_would_go(self):
        cluster = self.write("cluster.json", node("n1"))
        asked = self.write("pod.json", pod("p", 3000))
        text = self.run_melon("explain", "-f", cluster, "--pod", asked)
        self.assertEqual((0, ""), (text.returncode, text.stderr))
        self.assertIn("default/p: would go to n1", text.stdout)
        self.assertIn("GPU-a (NVIDIA T4): 3000 MiB", text.stdout)
        self.assertIn("hami.io/vgpu-devices-allocated: GPU-a,NVIDIA,3000,0:;", text.stdout)
        answer = json.loads(self.run_melon("explain", "-f", cluster, "--pod", asked, "-o",
                                           "json").stdout)
        self.assertTrue(answer["placed"])
        self.assertEqual("n1", answer["node"])
        self.assertEqual([], answer["set_aside"])

    def test_a_pod_asks_for_the_same_whoever_schedules_it(self):
        big = pod("big", 9000)
        big["spec"]["schedulerName"] = "hami-scheduler"
        cluster = self.write("cluster.json", node("n1"))
        asked = self.write("pod.json", big)
        for mode in ("none", "hami-2.9", "hami-2.10"):
            answer = self.run_melon("explain", "-f", cluster, "--pod", asked, "--compat", mode)
            self.assertEqual(4, answer.returncode, mode + answer.stdout)
        small = pod("small", 3000)
        small["spec"]["schedulerName"] = "volcano"
        asked = self.write("small.json", small)
        self.assertIn("GPU-a", self.run_melon("explain", "-f", cluster, "--pod", asked).stdout)
        self.assertIn("2 more fit", self.run_melon("capacity", "-f", cluster, "--pod", asked).stdout)

    def test_one_f_takes_the_files_that_a_shell_writes_out(self):
        files = [self.write(f"n{number}.json", node(f"n{number}")) for number in range(4)]
        asked = self.write("pod.json", pod("p", 8000))
        answer = self.run_melon("capacity", "-f", *files, "--pod", asked)
        self.assertIn("4 more fit", answer.stdout, answer.stderr)
        answer = self.run_melon("explain", "-f", *files, "--pod", asked)
        self.assertEqual(0, answer.returncode, answer.stderr)

    def test_names_act_on_no_terminal(self):
        cluster = self.write("cluster.json", node("n\x1b[31m\u0007", cards=[]))
        asked = self.write("pod.json", pod("p\x1b[2J", 3000))
        for command in ("explain", "capacity"):
            text = self.run_melon(command, "-f", cluster, "--pod", asked)
            self.assertIn("n?[31m?", text.stdout)
            self.assertIn("p?[2J", text.stdout)
            self.assertNotIn("\x1b", text.stdout + text.stderr)

    def test_csv_is_for_tables(self):
        cluster = self.write("cluster.json", node("n1"))
        asked = self.write("pod.json", pod("p", 3000))
        for command in ("explain", "capacity"):
            refused = self.run_melon(command, "-f", cluster, "--pod", asked, "-o", "csv")
            self.assertEqual(("", 2), (refused.stdout, refused.returncode))
            self.assertIn("-o csv", refused.stderr)
        table = self.run_melon("explain", "-f", cluster, "--pod", asked, "--place-all", "-o", "csv")
        self.assertEqual(["pod,node,devices,why not", "default/p,n1,GPU-a,"], table.stdout.splitlines())

    def test_what_nothing_bounds_is_not_counted_to_the_end(self):
        cluster = self.write("cluster.json", {"kind": "Node", "metadata": {"name": "n"}})
        asked = self.write("pod.json", {"kind": "Pod", "metadata": {"name": "p"},
                                        "spec": {"containers": [{"name": "c"}]}})
        self.assertTrue(self.run_melon("capacity", "-f", cluster, "--pod", asked).stdout.startswith("at least 1000000 more fit"))
        self.assertTrue(json.loads(self.run_melon("capacity", "-f", cluster, "--pod", asked, "-o", "json").stdout)["at_least"])

    def test_why_nowhere_and_what_would_fit(self):
        cluster = self.write("cluster.json", node("n1"), node("n2", []))
        text = self.run_melon("explain", "-f", cluster, "--pod",
                              self.write("pod.json", pod("p", 9000)))
        self.assertEqual(4, text.returncode, text.stderr)
        self.assertIn("1 node: 9000 MiB asked, most free device has 8000 (n1)", text.stdout)
        self.assertIn("nearest: with 8000 MiB instead of 9000 it would fit on n1", text.stdout)

    def test_the_cluster_from_standard_input_and_several_files(self):
        asked = self.write("pod.json", pod("p", 3000))
        given = json.dumps(node("from-stdin"))
        text = self.run_melon("explain", "-f", "-", "--pod", asked, given=given)
        self.assertIn("would go to from-stdin", text.stdout)
        first, second = self.write("a.json", node("n1", [])), self.write("b.json", node("n2"))
        for files in (["-f", first, "-f", second], ["-f", first, second]):
            text = self.run_melon("explain", *files, "--pod", asked)
            self.assertIn("would go to n2", text.stdout)

    def test_place_all_in_order(self):
        cluster = self.write("cluster.json", node("n1"), pod("w1", 5000), pod("w2", 5000),
                             pod("w3", 3000))
        text = self.run_melon("explain", "-f", cluster, "--place-all", "-o", "json")
        self.assertEqual(4, text.returncode, text.stderr)
        answer = json.loads(text.stdout)
        self.assertEqual(2, answer["placed"])
        self.assertEqual([True, False, True], [one["placed"] for one in answer["pods"]])
        named = self.write("pods.json", pod("x", 100), pod("y", 200))
        text = self.run_melon("explain", "-f", cluster, "--pod", named, "--place-all")
        self.assertEqual(0, text.returncode, text.stderr)
        self.assertIn("default/y", text.stdout)

    def test_whose_end_makes_room(self):
        running = pod("web", 6000, "n1")
        running["metadata"] |= {"labels": {"app": "web"}, "annotations": {
            "hami.io/vgpu-devices-allocated": "GPU-a,NVIDIA,6000,0:;"}}
        urgent = pod("urgent", 5000)
        urgent["spec"]["priority"] = 10
        asked = self.write("pod.json", urgent)
        cluster = self.write("cluster.json", node("n1"), running)
        text = self.run_melon("explain", "-f", cluster, "--pod", asked, "--preempt")
        self.assertEqual(4, text.returncode, text.stderr)
        self.assertIn("without default/web it would fit on n1\n", text.stdout)
        answer = json.loads(self.run_melon("explain", "-f", cluster, "--pod", asked, "--preempt",
                                           "-o", "json").stdout)
        self.assertEqual({"node": "n1", "pods": ["default/web"], "highest_priority": 0,
                          "is_least": True}, answer["preemption"])
        budget = self.write("budget.json", {
            "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}})
        text = self.run_melon("explain", "-f", cluster, "-f", budget, "--pod", asked, "--preempt")
        self.assertEqual(4, text.returncode, text.stderr)
        self.assertNotIn("without", text.stdout)

    def test_a_gang_starts_together_or_not_at_all(self):
        cluster = self.write("cluster.json", node("n1"), node("n2"))
        asked = self.write("pod.json", pod("p", 3000))
        whole = self.run_melon("explain", "-f", cluster, "--pod", asked, "--gang", "4")
        self.assertEqual((0, "4 of 4 fit\n  2 on n1\n  2 on n2\n"),
                         (whole.returncode, whole.stdout), whole.stderr)
        part = self.run_melon("explain", "-f", cluster, "--pod", asked, "--gang", "5")
        self.assertEqual(4, part.returncode, part.stderr)
        self.assertIn("4 of 5 fit; together none starts\n", part.stdout)
        self.assertIn("3000 MiB asked, most free device has 2000", part.stdout)
        answer = json.loads(self.run_melon("explain", "-f", cluster, "--pod", asked, "--gang", "5",
                                           "-o", "json").stdout)
        self.assertEqual((False, 5, 4), (answer["placed"], answer["asked"], answer["fit"]))
        self.assertEqual([2, 2], [one["fit"] for one in answer["nodes"]])
        self.assertFalse(answer["next"]["placed"])

    def test_place_all_keeps_gangs_together(self):
        members = [pod(f"m{i}", 3000) for i in range(5)]
        for member in members:
            member["metadata"]["labels"] = {"scheduling.x-k8s.io/pod-group": "g"}
        cluster = self.write("cluster.json", node("n1"), node("n2"))
        named = self.write("pods.json", members[0], pod("x", 8000), *members[1:])
        answer = json.loads(self.run_melon("explain", "-f", cluster, "--pod", named, "--place-all",
                                           "-o", "json").stdout)
        self.assertEqual(["default/x"], [one["pod"] for one in answer["pods"] if one["placed"]])
        self.assertIn("4 of gang default/g fit, of 5 that start together",
                      answer["pods"][0]["reasons"][0]["reason"])

    def test_moves_that_free_whole_devices(self):
        def running(name, memory, on, owner="ReplicaSet"):
            one = pod(name, memory, on)
            one["metadata"]["annotations"] = {
                "hami.io/vgpu-devices-allocated": f"GPU-{on},NVIDIA,{memory},0:;"}
            one["metadata"]["ownerReferences"] = [{"kind": owner, "name": "x", "controller": True}]
            return one

        nodes = [node(name, [{**CARDS[0], "id": f"GPU-{name}"}]) for name in ("n1", "n2", "n3")]
        cluster = self.write("cluster.json", *nodes, running("a", 3000, "n1"),
                             running("b", 2000, "n2"), running("agent", 100, "n3", "DaemonSet"))
        text = self.run_melon("capacity", "-f", cluster, "--defragment")
        self.assertEqual(0, text.returncode, text.stderr)
        advice = json.loads(self.run_melon("capacity", "-f", cluster, "--defragment", "-o",
                                           "json").stdout)
        self.assertEqual((0, 2), (advice["free_before"], advice["free_after"]))
        self.assertEqual({"default/a", "default/b"}, {move["pod"] for move in advice["moves"]})
        self.assertEqual([{"node": "n3", "devices": ["GPU-n3"]}] * 2,
                         [move["to"] for move in advice["moves"]])
        self.assertEqual([{"reason": "of a DaemonSet", "pods": 1, "example": "default/agent"}],
                         advice["kept"])
        self.assertIn("2 moves free 2 whole devices: 0 before, 2 after\n", text.stdout)
        for move in advice["moves"]:
            here = move["from"]["node"]
            self.assertIn(f"{move['pod']}: {here} GPU-{here} -> n3 GPU-n3\n", text.stdout)
            self.assertIn(f"frees GPU-{here} on {here}\n", text.stdout)
        one = json.loads(self.run_melon("capacity", "-f", cluster, "--defragment", "--moves", "1",
                                        "-o", "json").stdout)
        self.assertEqual((1, 1), (len(one["moves"]), one["free_after"]))

    def test_capacity(self):
        cluster = self.write("cluster.json", node("n1"), node("n2"))
        asked = self.write("pod.json", pod("p", 3000))
        text = self.run_melon("capacity", "-f", cluster, "--pod", asked)
        self.assertEqual(0, text.returncode, text.stderr)
        self.assertIn("4 more fit\n", text.stdout)
        self.assertIn("3000 MiB asked, most free device has 2000", text.stdout)
        answer = json.loads(self.run_melon("capacity", "-f", cluster, "--pod", asked, "-o",
                                           "json").stdout)
        self.assertEqual(4, answer["fit"])
        self.assertEqual([2, 2], [one["fit"] for one in answer["nodes"]])

    def test_what_can_not_be_read_is_named_and_the_rest_goes_on(self):
        broken = node("broken")
        broken["metadata"]["annotations"]["hami.io/node-nvidia-register"] = "[{"
        cluster = self.write("cluster.json", broken, node("good"))
        text = self.run_melon("explain", "-f", cluster, "--pod",
                              self.write("pod.json", pod("p", 100)))
        self.assertEqual(0, text.returncode, text.stderr)
        self.assertIn("would go to good", text.stdout)
        self.assertIn("set aside", text.stderr)
        self.assertIn("Node broken: annotation hami.io/node-nvidia-register", text.stderr)
        self.assertIn("remedy: ", text.stderr)

    def test_wrong_usage(self):
        cluster = self.write("cluster.json", node("n1"))
        several = self.write("pods.json", pod("x", 1), pod("y", 1))
        single = self.write("pod.json", pod("x", 1))
        others = self.write("others.json", {"kind": "Deployment", "metadata": {"name": "d"}},
                            {"kind": "Deployment", "metadata": {"name": "e"}}, node("n2"))
        empty = str(self.folder / "empty.yaml")
        pathlib.Path(empty).touch()
        for arguments, code, message in (
                (["explain"], 2, "needs the NAME"),
                (["explain", "-f", cluster], 2, "needs --pod or --place-all"),
                (["explain", "--pod", several], 2, "-f"),
                (["explain", "-f", cluster, "--pod", several], 2,
                 f"--pod {several}: there are 2 pods in it"),
                (["explain", "-f", cluster, "--pod", others], 2,
                 f"--pod {others}: there is no Pod in it, but 2 Deployment, Node"),
                (["capacity", "-f", cluster, "--pod", others], 2, "template with kind: Pod"),
                (["capacity", "-f", cluster, "--pod", several], 2, "leave one of them"),
                (["explain", "-f", cluster, "--pod", empty], 2,
                 f"--pod {empty}: there is no Pod in it, but nothing that can be read"),
                (["explain", "-f", cluster, "--pod", others, "--place-all"], 2, "no Pod in it"),
                (["explain", "-f", "/nowhere.yaml", "--pod", several], 3, "/nowhere.yaml"),
                (["explain", "-f", cluster, "--pod", several, "--policy", "luck"], 2, "luck"),
                (["explain", "-f", cluster, "--pod", several, "--gang", "0"], 2, "expected 1 to"),
                (["explain", "-f", cluster, "--preempt", "--gang", "2"], 2, "one of them at a time"),
                (["explain", "--gang", "2"], 2, "-f"),
                (["capacity", "-f", cluster], 2, "capacity needs"),
                (["capacity", "-f", cluster, "--defragment", "--moves", "0"], 2, "expected 1 to"),
                (["capacity", "-f", cluster, "--pod", several, "--defragment"], 2, "and no pod"),
                (["capacity", "-f", cluster, "--pod", several, "--moves", "1"], 2, "--defragment"),
                (["capacity", "-f", cluster, "--defragment", "--policy", "spread"], 2, "--policy"),
                (["capacity", "-f", cluster, "--defragment", "--compat", "hami-2.9"], 2, "--compat"),
                (["explain", "-f", cluster, "--pod", single, "--preempt", "--compat", "hami-2.10"],
                 2, "--preempt"),
                (["explain", "--scenario", cluster, "-f", cluster], 2, "of its own"),
                (["explain", "--scenario", cluster, "--pod", single], 2, "of its own"),
                (["explain", "--scenario", cluster, "--gang", "2"], 2, "of its own"),
                (["explain", "--scenario", cluster, "--preempt"], 2, "of its own"),
                (["explain", "--scenario", cluster], 2, cluster)):
            with self.subTest(arguments):
                text = self.run_melon(*arguments)
                self.assertEqual(code, text.returncode, text.stderr)
                self.assertIn(message, text.stderr)

    def test_a_scenario_that_does_not_hold(self):
        scenario = self.folder / "s.yaml"
        scenario.write_text("name: x\nnodes: [{name: n}]\n"
                            "pods: [{pod: {name: p}, expect: {node: other}}]\n")
        text = self.run_melon("explain", "--scenario", str(scenario))
        self.assertEqual(1, text.returncode, text.stderr)
        self.assertIn("expected other, found n", text.stdout)


if __name__ == "__main__":
    unittest.main()
