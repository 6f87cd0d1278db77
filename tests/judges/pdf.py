#!/usr/bin/env python3
"""Prints the text of a PDF with pypdf, a form feed after each page.

Usage: pdf.py FILE.
"""
import sys

import pypdf

for page in pypdf.PdfReader(sys.argv[1]).pages:
    print(page.extract_text(), end="\f")
