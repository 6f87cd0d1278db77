#!/usr/bin/env python3
"""Recomputes a snapshot's digest with rfc8785 and hashlib, independently of the program.

Usage: digest.py SNAPSHOT. Prints the digest; exits 1 when a line is not canonical, a count or
the digest differs from the trailer.
"""
import collections
import hashlib
import json
import sys

import rfc8785


def main(path: str) -> int:
    digest = hashlib.sha256()
    counts: dict[str, collections.Counter[str]] = {}
    trailer = None
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if trailer is not None:
                print(f"line {number}: text after the trailer")
                return 1
            value = json.loads(line)
            if rfc8785.dumps(value) + b"\n" != line:
                print(f"line {number}: not canonical")
                return 1
            if "counts" in value:
                trailer = value
                continue
            digest.update(line)
            if number > 1:
                counts.setdefault(value["tenant"], collections.Counter())[value["kind"]] += 1
    if trailer is None:
        print("no trailer")
        return 1
    found = digest.hexdigest()
    if trailer["sha256"] != found:
        print(f"digest {found}, trailer says {trailer['sha256']}")
        return 1
    if trailer["counts"] != {tenant: dict(kinds) for tenant, kinds in counts.items()}:
        print("the counts differ")
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
