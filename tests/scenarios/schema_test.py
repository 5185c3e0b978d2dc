# SPDX-License-Identifier: Apache-2.0
"""Every scenario and every descriptor of a vendor keeps its published schema, and the schemas refuse what is none."""
import json
import pathlib
import unittest

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
SCHEMA = HERE.parent.parent / "src" / "kube" / "scenario.schema.json"


class SchemaTest(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(SCHEMA.read_text())

    def test_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_every_scenario_keeps_it(self):
        validator = jsonschema.Draft7Validator(self.schema)
        scenarios = sorted(HERE.glob("**/*.yaml"))
        self.assertGreater(len(scenarios), 15)
        for path in scenarios:
            with self.subTest(path.name):
                self.assertEqual([], [e.message for e in
                                      validator.iter_errors(yaml.safe_load(path.read_text()))])

    def test_refuses_an_unknown_key(self):
        scenario = {"name": "x", "pods": [{"pod": {"name": "p"}, "expect": {"nodes": "a"}}]}
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.validate(scenario, self.schema)


class VendorSchemaTest(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads((REPOSITORY / "docs" / "reference" / "vendor.schema.json").read_text())
        self.validator = jsonschema.Draft7Validator(self.schema)

    def test_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_every_descriptor_keeps_it(self):
        descriptors = [*(REPOSITORY / "src" / "vendors").glob("*.yaml"),
                       REPOSITORY / "tests" / "data" / "vendors" / "acme.yaml"]
        self.assertGreater(len(descriptors), 12)
        for path in descriptors:
            with self.subTest(path.name):
                self.assertEqual([], [f"{list(e.path)}: {e.message}" for e in
                                      self.validator.iter_errors(yaml.safe_load(path.read_text()))])

    def test_refuses_what_is_none(self):
        acme = yaml.safe_load((REPOSITORY / "tests" / "data" / "vendors" / "acme.yaml").read_text())
        for field, value in (("enforcement", "some"), ("backends", {}), ("colour", "red")):
            with self.subTest(field):
                self.assertFalse(self.validator.is_valid({**acme, field: value}))
        del acme["id"]
        self.assertFalse(self.validator.is_valid(acme))


if __name__ == "__main__":
    unittest.main()
