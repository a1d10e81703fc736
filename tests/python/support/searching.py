"""Searches as the tests ask them."""

from __future__ import annotations

import json

import pystac

from .programs import Program


def items(cube: Program, *arguments: object) -> list[dict]:
    return [json.loads(line) for line in cube.run("search", *arguments, "--format", "items").stdout.splitlines()]


def ids(found: list[dict]) -> list[str]:
    return sorted(item["id"] for item in found)


def assert_valid(document: dict) -> None:
    """By the schema of STAC itself. Those of extensions lie on the web."""
    kind = pystac.Collection if document["type"] == "Collection" else pystac.Item
    kind.from_dict({**document, "stac_extensions": []}, migrate=False).validate()
