#!/usr/bin/env python3
"""Judges documents by the project's own JSON schemas, with jsonschema.

Usage: schemas.py FOLDER SCHEMA [--spoil] DOCUMENT...
FOLDER holds the schemas, which refer to each other by file name. Prints each document that is
refused, with the place, then how many were judged; exits 1 when one was refused.

With --spoil each document is judged again and again, each time with one member left out, one value
replaced, or one unknown member added; prints every such change that is let through, as
`without PATH`, `changed PATH` or `added PATH` (indices are `*`).
"""
import copy
import json
import pathlib
import sys

import jsonschema
import referencing
from referencing.jsonschema import DRAFT202012

KIND = jsonschema.Draft202012Validator
WRONG = {"nobody": "says this"}


def judge_of(folder: str, name: str) -> jsonschema.protocols.Validator:
    texts = {path.name: json.loads(path.read_text("utf-8")) for path in pathlib.Path(folder).glob("*.schema.json")}
    for text in texts.values():
        KIND.check_schema(text)
    resources = [(file, DRAFT202012.create_resource(text)) for file, text in texts.items()]
    if "date-time" not in KIND.FORMAT_CHECKER.checkers:
        sys.exit("this judge does not look at date-time")
    return KIND({"$ref": name}, registry=referencing.Registry().with_resources(resources), format_checker=KIND.FORMAT_CHECKER)


def places(value, path=()):
    """Every member and the first two elements of every array, by path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path + (name,)
            yield from places(inner, path + (name,))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield path + (index,)
            yield from places(inner, path + (index,))


def at(value, path):
    for step in path:
        value = value[step]
    return value


def spoilt(document):
    """Each change, and the document with it."""
    for path in [(), *places(document)]:
        told = ".".join("*" if isinstance(step, int) else step for step in path) or "$"
        if path:
            changed = copy.deepcopy(document)
            at(changed, path[:-1])[path[-1]] = WRONG
            yield f"changed {told}", changed
            if isinstance(path[-1], str):
                less = copy.deepcopy(document)
                del at(less, path[:-1])[path[-1]]
                yield f"without {told}", less
        if isinstance(at(document, path), dict):
            more = copy.deepcopy(document)
            at(more, path).update(WRONG)
            yield f"added {told}", more


def main(folder: str, name: str, rest: list[str]) -> int:
    judge = judge_of(folder, name)
    refused, through, tried = 0, set(), 0
    for file in (file for file in rest if file != "--spoil"):
        document = json.loads(pathlib.Path(file).read_text("utf-8"))
        for error in judge.iter_errors(document):
            refused += 1
            place = min(error.context, key=lambda e: -len(e.path), default=error)
            print(f"{pathlib.Path(file).name}: {error.message[:400]} at {error.json_path} ({place.message[:200]})")
        if "--spoil" in rest:
            for change, other in spoilt(document):
                tried += 1
                if judge.is_valid(other):
                    through.add(change)
    for change in sorted(through):
        print(change)
    judged = sum(file != "--spoil" for file in rest)
    print(f"judged {judged}" + (f", spoilt {tried} times" if tried else ""))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
