#!/usr/bin/env python3
"""Judges JUnit reports by the schema of Jenkins' xUnit plugin, with xmlschema.

Usage: junit.py SCHEMA REPORT... Prints how many were judged; exits 1 at the first that the schema
refuses, and says where.
"""
import sys

import xmlschema


def main(schema: str, reports: list[str]) -> int:
    judge = xmlschema.XMLSchema(schema)
    for report in reports:
        for error in judge.iter_errors(report):
            print(f"{report}: {error.reason} at {error.path}")
            return 1
    print(f"judged {len(reports)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
