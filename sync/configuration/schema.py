"""JSON Schema of the files, so that an editor completes and checks them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from connectors.contract import kinds, tracker
from sync.configuration.models import DepartmentFile, Organisation, PeopleFile
from sync.configuration.plan import PlanFile

SCHEMAS: dict[str, type[BaseModel]] = {
    "organisation": Organisation,
    "people": PeopleFile,
    "plan": PlanFile,
    "department": DepartmentFile,
}


def schema(what: str) -> dict[str, Any]:
    """The JSON Schema of one kind of file. A department's source lists what each kind of tracker takes."""
    made = SCHEMAS[what].model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if what == "department":
        _add_kinds(made)
    return made


def _add_kinds(made: dict[str, Any]) -> None:
    source, rules = made["$defs"]["SourceEntry"], []
    source["properties"]["kind"]["enum"] = kinds()
    for kind in kinds():
        folder: Any = tracker(kind)
        reference = f"#/$defs/{{model}}-{kind}"
        for part, model in (("connection", folder.Connection), ("scope", folder.Scope)):
            inner = model.model_json_schema(by_alias=True, ref_template=reference)
            made["$defs"] |= {f"{name}-{kind}": d for name, d in inner.pop("$defs", {}).items()}
            made["$defs"][f"{part}-{kind}"] = inner
        bindings = {"items": {"properties": {"scope": {"$ref": f"#/$defs/scope-{kind}"}}}}
        then = {"properties": {"connection": {"$ref": f"#/$defs/connection-{kind}"}, "bindings": bindings}}
        rules.append({"if": {"properties": {"kind": {"const": kind}}}, "then": then})
    source["allOf"] = rules
