# SPDX-License-Identifier: Apache-2.0
"""Several kinds of devices on one machine: two simulated GPUs beside the CPU."""
import os
import unittest

from daemon_under_test import IGNORED_LINE, Daemon, DaemonTest, eventually

SIMULATED_NVML = os.environ.get("MELON_SIMULATED_NVML", "")
NVIDIA = f"""
id: nvidia
title: NVIDIA GPUs (simulated)
discovery: nvml
libraries: [{SIMULATED_NVML}]
kinds: [gpu]
enforcement: none
environment:
  CUDA_VISIBLE_DEVICES: "{{device_ids}}"
process_libraries: [libcuda.so*]
"""


class SimulatedGpus(DaemonTest):
    def setUp(self):
        super().setUp()
        self.daemon.stop()
        self.faults = self.daemon.folder / "faults"
        self.faults.mkdir()
        self.daemon.environment["MELON_SIMULATED_NVML_FAULTS"] = str(self.faults)
        vendors = self.daemon.folder / "vendors"
        vendors.mkdir()
        (vendors / "nvidia.yaml").write_text(NVIDIA)
        config = self.daemon.config.read_text().replace(IGNORED_LINE, "")
        self.daemon.config.write_text(config + f"vendors_folder: {vendors}\n")
        self.daemon.start()

    def devices(self):
        return {device["id"]: device for device in self.daemon.call("GET", "/v1/devices").json}

    def test_they_are_shown_as_simulated_and_without_enforcement(self):
        devices = self.devices()
        self.assertEqual(sorted(devices), ["nvidia-0", "nvidia-1", "opencl-0"])
        for number, used in (("0", 1024), ("1", 2048)):
            gpu = devices["nvidia-" + number]
            self.assertTrue(gpu["simulated"])
            self.assertIn("Simulated", gpu["type"])
            self.assertEqual(gpu["enforcement"], "none")
            self.assertEqual((gpu["memory_mib"], gpu["used_memory_mib"]), (16384, used))
        self.assertTrue(devices["opencl-0"]["is_cpu"])
        codes = [finding["code"] for finding in self.daemon.call("GET", "/v1/findings").json]
        self.assertIn("device_unenforced", codes)

    def test_a_process_outside_any_grant_is_shown_with_what_it_holds_of_its_card(self):
        program = self.program()
        partial = self.faults / "partial"
        partial.write_text(f"{program.pid} 5120")
        partial.rename(self.faults / "process")  # never seen half written
        shown = eventually("it is on the card", lambda: [
            entry for entry in self.daemon.call("GET", "/v1/processes").json
            if entry["pid"] == program.pid and entry["device"] == "nvidia-0"])[0]
        self.assertFalse(shown["managed"])
        self.assertEqual((shown["used_memory_mib"], shown["resident_memory_mib"]), (5120, None))
        self.assertEqual(self.devices()["nvidia-0"]["unmanaged"], {
            "processes": 1, "used_memory_mib": 5120, "resident_memory_mib": None})
        self.assertEqual(self.devices()["nvidia-1"]["unmanaged"], {
            "processes": 0, "used_memory_mib": 0, "resident_memory_mib": 0})
        message = next(entry["message"] for entry in self.daemon.call("GET", "/v1/findings").json
                       if entry["code"] == "unmanaged_process" and f"process {program.pid} " in entry["message"])
        self.assertIn("(device memory: 5 GiB)", message)
        metrics = self.daemon.call("GET", "/metrics").text.splitlines()
        self.assertIn(f'melon_unmanaged_memory_used_bytes{{device="nvidia-0"}} {5 << 30}', metrics)
        self.assertNotIn('melon_unmanaged_memory_resident_bytes{device="nvidia-0"}',
                         [line.split(" ")[0] for line in metrics])

    def test_a_device_without_enforcement_is_taken_only_when_told(self):
        refused = self.daemon.call("POST", "/v1/grants", {"type": "nvidia", "memory": "1GiB"})
        self.assert_refused(refused, 409, "does_not_fit")
        rules = {entry["rule"] for entry in refused.json["error"]["refusal"]["rejections"]
                 if entry["device"].startswith("nvidia")}
        self.assertEqual(rules, {"enforcement"})
        taken = self.daemon.call("POST", "/v1/grants", {"type": "nvidia", "memory": "1GiB",
                                                         "unenforced": True, "count": 2})
        self.assertEqual(taken.status, 201, taken.text)
        self.assertEqual({piece["device"] for piece in taken.json["slices"]}, {"nvidia-0", "nvidia-1"})

    def test_a_program_in_the_grant_sees_its_cards_and_no_others(self):
        ids = {"nvidia-0": "GPU-8B0A1C2D-0000-0000-0000-000000000000",
               "nvidia-1": "GPU-8B0A1C2D-0000-0000-0000-000000000001"}
        for choice in ({"device": "nvidia-1"}, {"type": "nvidia", "count": 2}):
            taken = self.daemon.call("POST", "/v1/grants", {"memory": "1GiB", "unenforced": True, **choice})
            self.assertEqual(taken.status, 201, taken.text)
            set_to = self.environment(taken)["CUDA_VISIBLE_DEVICES"].split(",")
            self.assertEqual(set_to, [ids[piece["device"]] for piece in taken.json["slices"]])
        processor = self.daemon.call("POST", "/v1/grants", {"memory": "1MiB", "type": "opencl"})
        self.assertNotIn("CUDA_VISIBLE_DEVICES", self.environment(processor))

    def environment(self, taken):
        target = f"/v1/grants/{taken.json['id']}/environment"
        return self.daemon.call("GET", target).json["environment"]

    def test_the_cpu_is_chosen_only_by_name_when_there_is_something_else(self):
        refused = self.daemon.call("POST", "/v1/grants", {"memory": "1MiB"})
        self.assert_refused(refused, 409, "does_not_fit")
        rules = {entry["device"]: entry["rule"] for entry in refused.json["error"]["refusal"]["rejections"]}
        self.assertEqual(rules["opencl-0"], "cpu")
        for choice in ({"device": "opencl-0"}, {"type": "opencl"}):
            taken = self.daemon.call("POST", "/v1/grants", {"memory": "1MiB", **choice})
            self.assertEqual(taken.status, 201, taken.text)
            self.assertEqual(taken.json["slices"][0]["device"], "opencl-0")


class OnlyCpu(DaemonTest):
    def test_the_cpu_is_chosen_when_there_is_nothing_else(self):
        taken = self.daemon.call("POST", "/v1/grants", {"memory": "1MiB"})
        self.assertEqual(taken.status, 201, taken.text)


class NoDriver(unittest.TestCase):
    def test_a_machine_without_devices_is_served_and_says_why(self):
        empty = Daemon(environment={"OCL_ICD_VENDORS": "/nonexistent"})
        self.addCleanup(empty.remove)
        empty.start()
        self.assertEqual(empty.call("GET", "/v1/devices").json, [])
        finding = next(entry for entry in empty.call("GET", "/v1/findings").json
                       if entry["code"] == "no_device")
        self.assertTrue(finding["remedy"])
        refused = empty.call("POST", "/v1/grants", {"memory": "1MiB"})
        self.assertEqual((refused.status, refused.code), (409, "does_not_fit"), refused.text)


if __name__ == "__main__":
    unittest.main()
