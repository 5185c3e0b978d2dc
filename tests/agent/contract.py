# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI file as tests need it: operations with resolved schemas, and validators for answers."""
import dataclasses
import datetime
import pathlib

import jsonschema
import yaml

FILE = pathlib.Path(__file__).resolve().parents[2] / "api" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(text):
    if isinstance(text, str):
        if not text.endswith("Z"):
            raise ValueError("not UTC")
        datetime.datetime.fromisoformat(text[:-1])
    return True


def validator(schema):
    return jsonschema.Draft7Validator(schema, format_checker=FORMATS)


def to_json_schema(schema, closed):
    """OpenAPI 3.0 to JSON Schema. `closed` refuses members that the contract does not name, so that
    an answer cannot hold what nobody documented."""
    out = {}
    for key, value in schema.items():
        if key == "properties":
            value = {name: to_json_schema(item, closed) for name, item in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            value = to_json_schema(value, closed)
        out[key] = value
    if closed and "properties" in out:
        out.setdefault("additionalProperties", False)
    if out.pop("nullable", False):
        out = {"anyOf": [out, {"type": "null"}]}
    return out


@dataclasses.dataclass
class Operation:
    id: str
    method: str
    path: str
    parameters: list  # resolved, with those of the path
    body: dict | None  # JSON Schema of the request body
    body_required: bool
    responses: dict  # status or "default" -> {content type: its resolved description}

    def of(self, place):
        return [item for item in self.parameters if item["in"] == place]

    def statuses(self):
        return {int(status) for status in self.responses if status != "default"}


class Contract:
    def __init__(self, file=FILE):
        self.document = yaml.safe_load(file.read_text())
        self.operations = [self._operation(path, method, entry)
                           for path, entries in self.document["paths"].items()
                           for method, entry in entries.items() if method in METHODS]

    def paths(self):
        """Each path with the methods that it has."""
        return {path: {method.upper() for method in entries if method in METHODS}
                for path, entries in self.document["paths"].items()}

    def resolve(self, node):
        if isinstance(node, list):
            return [self.resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {key: self.resolve(value) for key, value in node.items()}
        target = self.document
        for word in node["$ref"].removeprefix("#/").split("/"):
            target = target[word]
        return self.resolve(target)

    def _operation(self, path, method, entry):
        body = self.resolve(entry.get("requestBody", {}))
        schema = body.get("content", {}).get("application/json", {}).get("schema")
        parameters = self.document["paths"][path].get("parameters", []) + entry.get("parameters", [])
        return Operation(
            id=entry["operationId"], method=method.upper(), path=path,
            parameters=self.resolve(parameters),
            body=to_json_schema(schema, closed=False) if schema else None,
            body_required=body.get("required", False),
            responses={status: response.get("content", {})
                       for status, response in self.resolve(entry["responses"]).items()})

    def errors_of(self, operation, answer):
        """What of an answer is against the contract; empty: nothing."""
        content = operation.responses.get(str(answer.status))
        if content is None:
            if answer.status < 400:
                return [f"status {answer.status} is not in the contract"]
            content = operation.responses["default"]
        described = content.get(answer.content_type)
        if described is None:
            return [f"status {answer.status} has content of type {answer.content_type}, "
                    f"the contract says {sorted(content)}"]
        if answer.content_type == "application/json":
            return self._against(described["schema"], answer.json)
        if answer.content_type == "text/event-stream":
            return [error for data in answer.events for error in self._against(described["x-event-data"], data)]
        return []

    @staticmethod
    def _against(schema, value):
        found = validator(to_json_schema(schema, closed=True)).iter_errors(value)
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]
