# SPDX-License-Identifier: Apache-2.0
"""Every scenario keeps the published schema, and the schema refuses what is none."""
import json
import pathlib
import unittest

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = HERE.parent.parent / "src" / "kube" / "scenario.schema.json"


class SchemaTest(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(SCHEMA.read_text())

    def test_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_every_scenario_keeps_it(self):
        validator = jsonschema.Draft7Validator(self.schema)
        scenarios = sorted(HERE.glob("*.yaml"))
        self.assertGreater(len(scenarios), 15)
        for path in scenarios:
            with self.subTest(path.name):
                self.assertEqual([], [e.message for e in
                                      validator.iter_errors(yaml.safe_load(path.read_text()))])

    def test_refuses_an_unknown_key(self):
        scenario = {"name": "x", "pods": [{"pod": {"name": "p"}, "expect": {"nodes": "a"}}]}
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.validate(scenario, self.schema)


if __name__ == "__main__":
    unittest.main()
