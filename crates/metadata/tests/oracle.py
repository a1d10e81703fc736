"""Says whether STAC documents are valid: by the official JSON schemas, and by pystac.

    python oracle.py DOCUMENTS.ndjson [SCHEMAS]

DOCUMENTS holds one Item or Collection a line. SCHEMAS is a folder of JSON schemas: the core's of version 1.0.0 and those of extensions, each
under its `$id` (those of the core's version 1.1.0 come with pystac). Nothing is fetched: a schema that is missing is an error. Without SCHEMAS
documents of version 1.1.0 are judged by the core alone, and it says so.
"""

import json
import logging
import pathlib
import sys
import warnings

import pystac
import pystac.validation
from jsonschema import Draft7Validator, FormatChecker
from pystac.validation.local_validator import get_local_schema_cache
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

# `proj:projjson` is never written, so its schema says nothing here.
ANYTHING = {"$schema": "http://json-schema.org/draft-07/schema#"}
UNUSED = {f"https://proj.org/schemas/v0.{minor}/projjson.schema.json": ANYTHING for minor in (4, 5, 7)}


def known_schemas(folder):
    schemas = {uri.rstrip("#"): schema for uri, schema in get_local_schema_cache().items()} | UNUSED
    for path in sorted(pathlib.Path(folder).glob("*.json")) if folder else []:
        schema = json.loads(path.read_text())
        schemas[schema["$id"].rstrip("#")] = schema
    return schemas


def core_schema(document):
    kind = {"Feature": "item", "Collection": "collection"}[document["type"]]
    return f"https://schemas.stacspec.org/v{document['stac_version']}/{kind}-spec/json-schema/{kind}.json"


def main(documents, folder=None):
    warnings.simplefilter("ignore")
    # pystac logs what it then raises.
    logging.disable()
    schemas = known_schemas(folder)
    # Schemas refer to each other with and without the empty fragment.
    registry = Registry().with_resources((uri, Resource(contents=schema, specification=DRAFT7)) for uri, schema in schemas.items())
    validators = {}

    def errors(document, uri):
        if uri not in validators:
            validators[uri] = Draft7Validator(schemas[uri], registry=registry, format_checker=FormatChecker())
        return [f"{uri}: {'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validators[uri].iter_errors(document)]

    by_pystac = JsonSchemaSTACValidator()
    by_pystac.schema_cache = dict(schemas) | {f"{uri}#": schema for uri, schema in schemas.items()}
    pystac.validation.RegisteredValidator.set_validator(by_pystac)

    count = 0
    failures = []
    for line in pathlib.Path(documents).read_text().splitlines():
        document = json.loads(line)
        count += 1
        if not folder and document["stac_version"] != "1.1.0":
            continue
        found = [e for uri in [core_schema(document), *(document["stac_extensions"] if folder else [])] for e in errors(document, uri)]
        try:
            kind = pystac.Item if document["type"] == "Feature" else pystac.Collection
            made = kind.from_dict(document)
            if folder:
                made.validate()
            if document["type"] == "Feature" and document["geometry"] is not None and made.geometry["type"] != document["geometry"]["type"]:
                found.append("pystac read another geometry")
        except Exception as error:  # whatever pystac raises is its verdict
            found.append(f"pystac: {type(error).__name__}: {str(error)[:400]}")
        failures += [f"{document['id']}: {e}" for e in found]
    print(f"{count} documents" + ("" if folder else ", by the core of version 1.1.0 alone: no other schemas found"))
    for failure in failures[:10]:
        print(failure)
    print(f"{len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
