"""Judges one file by the official schema of FA(3), again and again.

Usage, in the folder of the schemas: xsd.py FILE CALLS. For each line of its input it prints the
seconds that one judgement took, as the mean of CALLS.
"""
import sys
import time

from lxml import etree

schema = etree.XMLSchema(etree.parse("xsd/FA/schemat_FA(3)_v1-0E.xsd", etree.XMLParser(no_network=True)))
with open(sys.argv[1], "rb") as file:
    text = file.read()
calls = int(sys.argv[2])
for _ in sys.stdin:
    began = time.perf_counter()
    for _ in range(calls):
        if not schema.validate(etree.fromstring(text)):
            sys.exit(str(schema.error_log))
    print((time.perf_counter() - began) / calls, flush=True)
