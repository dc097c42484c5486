"""The description of the addresses in OpenAPI 3.1, from which clients and forms can be made."""

from __future__ import annotations

from typing import Any

from fathom.serving.served import Served
from fathom.version import VERSION


def describe_api(served: Served, *, has_token: bool, most_samples: int) -> dict[str, Any]:
    """Return the document for a model."""
    samples = served.samples
    one = {"images": {"type": "string", "contentEncoding": "base64"}, "texts": {"type": "string"}}.get(
        samples.noun, {"type": "object"} if samples.noun == "rows" else {"type": "array"}
    )
    body = {
        "type": "object",
        "required": [samples.noun],
        "properties": {samples.noun: {"type": "array", "items": one, "minItems": 1, "maxItems": most_samples}},
        "example": {samples.noun: [samples.example]},
    }
    content: dict[str, Any] = {"application/json": {"schema": body}}
    content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in samples.content_types}
    errors = {
        "400": "the request cannot be read",
        "401": "the token is missing or wrong",
        "413": "too large",
        "503": "too many samples are waiting",
    }
    predict = {
        "summary": f"Predict {samples.noun}",
        "parameters": [
            {"name": "top", "in": "query", "description": "classes to return", "schema": {"type": "integer"}},
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _answer("a prediction for each sample, or its error", {"predictions": _ROWS})}
        | {status: _answer(reason, {"error": {"type": "string"}}) for status, reason in errors.items()},
    }
    paths: dict[str, Any] = {
        "/predict": {"post": predict},
        "/model": {"get": {"summary": "What the model is", "responses": {"200": _answer("the model", {})}}},
        "/health": {"get": {"summary": "Whether it works", "responses": {"200": _answer("it does", {})}}},
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": served.name, "version": VERSION, "description": f"A {served.kind}, served by Fathom."},
        "paths": paths,
    }
    if has_token:
        document["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        document["security"] = [{"token": []}]
        paths["/health"]["get"]["security"] = []
    return document


_ROWS = {"type": "array", "items": {"type": "object"}}


def _answer(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
