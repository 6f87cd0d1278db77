#!/usr/bin/env python3
"""Judges SARIF logs by the schema that OASIS publishes, with jsonschema.

Usage: sarif.py SCHEMA LOG... Prints how many were judged; exits 1 at the first that the schema
refuses, and says where.
"""
import json
import sys

import jsonschema


def main(schema: str, logs: list[str]) -> int:
    with open(schema, encoding="utf-8") as file:
        rules = json.load(file)
    formats = jsonschema.Draft7Validator.FORMAT_CHECKER
    missing = {"uri", "uri-reference", "date-time"} - formats.checkers.keys()
    if missing:
        sys.exit(f"this judge does not look at {', '.join(sorted(missing))}")
    judge = jsonschema.Draft7Validator(rules, format_checker=formats)
    for log in logs:
        with open(log, encoding="utf-8") as file:
            value = json.load(file)
        for error in judge.iter_errors(value):
            print(f"{log}: {error.message} at {error.json_path}")
            return 1
    print(f"judged {len(logs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
