"""Judges exchanges with KSeF by its official OpenAPI document: ksef_openapi.py DOCUMENT EXCHANGES.

EXCHANGES is a JSON list of {method, path (a template of the document), request, status, kind, body,
headers, whole}. Requests and bodies are validated against the document's schemas with jsonschema;
fields that a schema does not name are refused, because a misspelled optional field is otherwise
invisible. Where `whole` says that every request should have been right, those that were refused are
judged too, and what a gateway answers in KSeF's place is not. Exit code 1 names every exchange that
breaks the document.
"""

import base64
import json
import sys

import jsonschema

FORMATS = jsonschema.FormatChecker(["date-time", "date", "uri"])


@FORMATS.checks("byte")
def is_base64(value):
    if isinstance(value, str):
        base64.b64decode(value, validate=True)
    return True


def translated(node):
    """An OpenAPI 3.0 schema as JSON Schema: `nullable`, and no unknown fields."""
    if isinstance(node, list):
        return [translated(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: translated(value) for key, value in node.items() if key not in ("nullable", "example")}
    if isinstance(out.get("properties"), dict) and "additionalProperties" not in out and "allOf" not in out:
        out["additionalProperties"] = False
    if node.get("nullable") is True:
        out = {"anyOf": [out, {"type": "null"}]}
    return out


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.raw = json.load(file)
        self.components = translated(self.raw["components"])

    def validate(self, schema, value, what):
        root = {**translated(schema), "components": self.components}
        validator = jsonschema.Draft4Validator(root, format_checker=FORMATS)
        for error in validator.iter_errors(value):
            deepest = jsonschema.exceptions.best_match([error]) or error
            yield f"{what} at /{'/'.join(map(str, deepest.absolute_path))}: {deepest.message}"

    def judge(self, exchange):
        path = self.raw["paths"].get(exchange["path"])
        operation = path and path.get(exchange["method"])
        if not operation:
            yield "the document has no such operation"
            return
        good = exchange["status"].startswith("2")
        if (good or exchange.get("whole")) and exchange.get("request") is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            yield from self.validate(schema, exchange["request"], "the request")
        response = operation["responses"].get(exchange["status"])
        if response is None and exchange.get("whole") and exchange["status"].startswith("5"):
            return
        if response is None:
            yield f"the document describes no status {exchange['status']}"
            return
        for name, header in response.get("headers", {}).items():
            if name.lower() in ("retry-after", "x-ms-meta-hash") and name.lower() not in exchange["headers"]:
                yield f"the header {name} is missing"
        content = response.get("content", {})
        kind = exchange["kind"].split(";")[0]
        if not content:
            if exchange["body"] not in ("", None):
                yield "the document describes no body"
            return
        if kind not in content:
            yield f"the body is {kind!r}, and the document describes {sorted(content)}"
            return
        yield from self.validate(content[kind]["schema"], exchange["body"], "the body")


def main(document, exchanges):
    document = Document(document)
    with open(exchanges, encoding="utf-8") as file:
        exchanges = json.load(file)
    if not exchanges:
        sys.exit("no exchange to judge")
    broken = 0
    for exchange in exchanges:
        for why in document.judge(exchange):
            broken += 1
            print(f"{exchange['method']} {exchange['path']} {exchange['status']}: {why}")
    print(f"{len(exchanges)} exchanges judged, {broken} findings")
    sys.exit(1 if broken else 0)


main(*sys.argv[1:])
