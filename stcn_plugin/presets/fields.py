"""The types of settings: what they accept, and how they appear in the JSON schema."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

MissingPolicy = Literal["stop", "hold", "skip"]
Compression = Literal["none", "rle", "zips", "zip", "piz", "dwaa", "dwab"]
Region = Literal["auto", "region", "whole"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

_SIZE = re.compile(
    r"\s*(?:(?P<native>native)|(?P<lines>[0-9]{1,6})|(?P<megapixels>[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*MP)\s*",
    re.IGNORECASE,
)
_DEVICE = r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$"


def _all_as_none(value: object) -> object:
    """Accept ``all`` for no limit."""
    return None if value == "all" else value


def _size(value: object) -> object:
    """Accept ``480``, ``native`` and ``0.5MP``."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not (match := _SIZE.fullmatch(str(value))):
        raise ValueError("should be the short side in pixels (480), 'native' or a maximum of megapixels (0.5MP)")
    if match["native"]:
        return "native"
    if match["lines"]:
        if int(match["lines"]) < 64:
            raise ValueError("should be at least 64 pixels on the short side")
        return match["lines"]
    if float(match["megapixels"]) < 0.01:
        raise ValueError("should be a maximum of at least 0.01MP")
    return f"{match['megapixels']}MP"


def off_from_boolean(value: object) -> object:
    """Accept ``off``, which YAML reads as a boolean."""
    return "off" if value is False else value


def _auto_lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Count = Annotated[int, Field(ge=1, strict=True)]
Limit = Annotated[
    Count | None,
    BeforeValidator(_all_as_none),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]
Size = Annotated[
    str,
    BeforeValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 64},
                {"const": "native"},
                {"type": "string", "pattern": r"^\s*([0-9]+|[0-9]+(\.[0-9]+)?\s*[mM][pP])\s*$", "examples": ["0.5MP"]},
            ]
        }
    ),
]
Area = Annotated[float, Field(ge=0, le=100_000, strict=True)]
Device = Annotated[
    str,
    BeforeValidator(_auto_lower),
    Field(pattern=_DEVICE),
    WithJsonSchema({"type": "string", "pattern": _DEVICE, "examples": ["auto", "cpu", "cuda", "cuda:1", "mps"]}),
]


def _shorten_descriptions(schema: dict[str, Any]) -> None:
    """Keep only the first paragraph of each description."""
    for node in (schema, *schema.get("properties", {}).values()):
        if "description" in node:
            node["description"] = first_paragraph(node["description"])


def first_paragraph(text: str) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join(text.partition("\n\n")[0].split())


class Section(BaseModel):
    """Base of every group of settings: frozen, and unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, json_schema_extra=_shorten_descriptions
    )
