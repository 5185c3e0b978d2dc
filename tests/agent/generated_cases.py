# SPDX-License-Identifier: Apache-2.0
"""Values that a schema allows and values that it does not. Texts whose grammar JSON Schema cannot say
bring their own in the contract: x-examples and x-counterexamples."""
from contract import validator

LARGE = 2**63 - 1
# Of every kind there is; those that a schema allows are no bad input for it.
ANYTHING = (None, True, False, 0, -1, 1, 1.5, -(2**63), LARGE, 2**64, 1e308, "", " ", "x", "\u0000",
            "../../etc/passwd", "'; drop table grants; --", "ü" * 200, "x" * 5000, [], {}, [None], [[]],
            {"x": 1})
# Text in place of JSON.
NOT_JSON = (b"", b"{", b"}", b"nul", b"{]", b"'a'", b"\xff\xfe", b"{\"memory\": \"1MiB\",}",
            b"{\"a\": NaN}", b"[" * 100_000, b"{\"a\":" * 100_000, b"{} {}", b"\x00")


def allows(schema, value):
    return validator(schema).is_valid(value)


def good_values(schema):
    """Some that the schema allows: every named one, the bounds, one within."""
    if "x-examples" in schema:
        return list(schema["x-examples"])
    if "enum" in schema:
        return list(schema["enum"])
    kind = schema.get("type")
    if kind == "boolean":
        return [False, True]
    if kind == "integer":
        low, high = schema.get("minimum", 0), schema.get("maximum", LARGE)
        return sorted({low, min(low + 1, high), schema.get("default", low), high})
    if kind == "string":
        return ["x", "x" * schema.get("maxLength", 100)]
    if kind == "array":
        items = good_values(schema["items"])
        return [[], items[:1], items * min(3, schema.get("maxItems", 3))]
    if kind == "object":
        return good_objects(schema)
    raise AssertionError(f"no way to make a value of {schema}")


def bad_values(schema):
    """Some that the schema forbids: of other kinds, outside the bounds, the counterexamples."""
    bad = [value for value in ANYTHING if not allows(schema, value)]
    if "maxLength" in schema:
        bad.append("x" * (schema["maxLength"] + 1))
    if "maxItems" in schema:
        bad.append(good_values(schema["items"])[:1] * (schema["maxItems"] + 1))
    if schema.get("type") == "array":
        bad += [[value] for value in bad_values(schema["items"])]
    if "minimum" in schema:
        bad.append(schema["minimum"] - 1)
    if "maximum" in schema:
        bad.append(schema["maximum"] + 1)
    return [value for value in bad if not allows(schema, value)] + list(schema.get("x-counterexamples", []))


def _required(schema):
    return {name: good_values(schema["properties"][name])[0] for name in schema.get("required", [])}


def good_objects(schema, rng=None, more=0):
    """Each member with each of its good values, and `more` random choices of members."""
    wanted = [_required(schema)]
    for name, member in schema["properties"].items():
        wanted += [{**_required(schema), name: value} for value in good_values(member)]
    for _ in range(more):
        names = rng.sample(list(schema["properties"]), rng.randrange(len(schema["properties"]) + 1))
        wanted.append({**_required(schema),
                       **{name: rng.choice(good_values(schema["properties"][name])) for name in names}})
    return [value for value in wanted if allows(schema, value)]


def bad_objects(schema, rng=None, more=0):
    """Each member with each of its bad values, what breaks the object itself, `more` random ones."""
    base = good_objects(schema)[0]
    bad = [value for value in ANYTHING if not allows(schema, value)]
    bad += [{**base, "x-unknown": 1}, {**base, " ": {}}]
    bad += [{name: value for name, value in base.items() if name != missing}
            for missing in schema.get("required", [])]
    if "minProperties" in schema:
        bad.append({})
    if "maxProperties" in schema:
        bad.append({name: good_values(member)[0] for name, member in schema["properties"].items()})
    wrong = [(name, value) for name, member in schema["properties"].items()
             for value in bad_values(member)]
    bad += [{**base, name: value} for name, value in wrong]
    for _ in range(more):
        name, value = rng.choice(wrong)
        bad.append({**rng.choice(good_objects(schema)), name: value})
    return bad
