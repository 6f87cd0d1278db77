#!/usr/bin/env python3
"""Judges dossier pages with html5lib, a parser of the WHATWG's HTML, and by what a page that loads
nothing and can be read aloud must be.

Usage: page.py PAGE... Prints how many were judged; exits 1 at the first that is refused, and says
why.
"""
import sys

import html5lib

ALLOWED = "default-src 'none'; style-src 'unsafe-inline'"
LOADING = {"src", "srcset", "data", "action", "formaction", "poster", "background", "ping", "style"}


def flaw(page: str) -> str | None:
    with open(page, encoding="utf-8", newline="") as file:
        text = file.read()
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(text)
    for (line, column), code, data in parser.errors:
        return f"{code} {data} at line {line}, column {column}"
    if not tree.get("lang"):
        return "the page has no lang"
    policies = [m.get("content") for m in tree.iter("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    if policies != [ALLOWED]:
        return f"Content-Security-Policy is {policies}"
    ids: set[str] = set()
    links: list[str] = []
    level = 0
    for element in tree.iter():
        tag = element.tag
        if not isinstance(tag, str):
            return "there is a comment"
        if tag in {"script", "iframe", "object", "embed", "img", "link", "base", "form", "svg"}:
            return f"there is a {tag}"
        for name, value in element.attrib.items():
            if name in LOADING or name.startswith("on"):
                return f"{tag} has {name}={value}"
        found = element.get("id")
        if found is not None:
            if found in ids:
                return f"id {found} stands there twice"
            ids.add(found)
        if element.get("href") is not None:
            links.append(element.get("href"))
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            if int(tag[1]) > level + 1 or (tag == "h1") != (level == 0):
                return f"heading {tag} follows h{level}"
            level = int(tag[1])
        if tag == "th" and element.get("scope") not in {"row", "col"}:
            return "a th has no scope"
        if tag == "table" and (element.find("caption") is None or element.find("thead") is None):
            return "a table has no caption or no head"
    for link in links:
        if not link.startswith("#") or link[1:] not in ids:
            return f"{link} leads nowhere within the page"
    if len(links) < 7 or len(ids) < 50:
        return f"only {len(links)} links and {len(ids)} ids were seen"
    return None


def main(pages: list[str]) -> int:
    for page in pages:
        found = flaw(page)
        if found is not None:
            print(f"{page}: {found}")
            return 1
    print(f"judged {len(pages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
