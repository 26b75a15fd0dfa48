"""$metadata: the published tables in CSDL, with what the service can do and what each thing means."""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # it writes, and reads nothing

from ledger.predicate import FUNCTIONS
from ledger.published import TABLES, Column, Kind, Relation, Table

Words = dict[str, Any]
NAMESPACE, CONTAINER = "Sightline", "Facts"
EDMX, EDM = "http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm"
VOCABULARIES = {"Core": "Org.OData.Core.V1", "Capabilities": "Org.OData.Capabilities.V1"}
TYPES: dict[Kind, str] = {
    "string": "Edm.String", "int": "Edm.Int32", "float": "Edm.Double", "bool": "Edm.Boolean", "date": "Edm.Date",
    "instant": "Edm.DateTimeOffset",
}  # fmt: skip


@cache
def csdl() -> str:
    """The XML document."""
    root = Element("edmx:Edmx", {"xmlns:edmx": EDMX, "Version": "4.0"})
    for alias, name in VOCABULARIES.items():
        uri = f"https://oasis-tcs.github.io/odata-vocabularies/vocabularies/{name}.xml"
        SubElement(SubElement(root, "edmx:Reference", Uri=uri), "edmx:Include", Namespace=name, Alias=alias)
    services = SubElement(root, "edmx:DataServices")
    schema = SubElement(services, "Schema", xmlns=EDM, Namespace=NAMESPACE)
    for table in TABLES:
        _entity(schema, table)
    container = SubElement(schema, "EntityContainer", Name=CONTAINER)
    for table in TABLES:
        _set(container, table)
    _service(container)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode")


def _entity(schema: Element, table: Table) -> None:
    entity = SubElement(schema, "EntityType", Name=table.entity)
    key = SubElement(entity, "Key")
    for name in table.key:
        SubElement(key, "PropertyRef", Name=name)
    for column in table.columns:
        _property(entity, column)
    for relation in table.relations:
        _navigation(entity, table, relation)
    _told(entity, "Core.Description", String=table.description)


def _property(entity: Element, column: Column) -> None:
    more: Words = {} if column.nullable else {"Nullable": "false"}
    if column.kind == "instant":
        more["Precision"] = "3"
    found = SubElement(entity, "Property", Name=column.name, Type=TYPES[column.kind], **more)
    _told(found, "Core.Description", String=column.description)


def _navigation(entity: Element, table: Table, relation: Relation) -> None:
    target = next(t for t in TABLES if t.name == relation.target)
    kind = f"{NAMESPACE}.{target.entity}"
    more: Words = {"Type": f"Collection({kind})"} if relation.many else {"Type": kind, "Nullable": "true"}
    partner = next((r for r in target.relations if _is_back(r, table, relation)), None)
    if partner is not None:
        more["Partner"] = partner.name
    found = SubElement(entity, "NavigationProperty", Name=relation.name, **more)
    if not relation.many:
        SubElement(found, "ReferentialConstraint", Property=relation.column, ReferencedProperty=relation.target_column)
    _told(
        found, "Core.Description", String=f"{relation.target} whose {relation.target_column} is this {relation.column}"
    )


def _is_back(back: Relation, table: Table, relation: Relation) -> bool:
    """Whether one relation is the other, seen from its other end."""
    ends = (back.target, back.column, back.target_column)
    return ends == (table.name, relation.target_column, relation.column)


def _set(container: Element, table: Table) -> None:
    found = SubElement(container, "EntitySet", Name=table.name, EntityType=f"{NAMESPACE}.{table.entity}")
    for relation in table.relations:
        SubElement(found, "NavigationPropertyBinding", Path=relation.name, Target=relation.target)
    _told(found, "Core.Description", String=table.description)
    for verb, claim in (("Insert", "Insertable"), ("Update", "Updatable"), ("Delete", "Deletable")):
        _record(found, f"Capabilities.{verb}Restrictions", **{claim: "false"})
    _record(found, "Capabilities.CountRestrictions", Countable="true")
    _record(found, "Capabilities.ExpandRestrictions", Expandable="true" if table.relations else "false", MaxLevels=1)
    _record(found, "Capabilities.SearchRestrictions", Searchable="false")
    _record(found, "Capabilities.FilterRestrictions", Filterable="true")
    _record(found, "Capabilities.SortRestrictions", Sortable="true")
    for claim in ("TopSupported", "SkipSupported"):
        _told(found, f"Capabilities.{claim}", Bool="true")


def _service(container: Element) -> None:
    _told(container, "Core.Description", String="What the company's trackers say, on one format; read-only")
    _told(
        container,
        "Capabilities.ConformanceLevel",
        EnumMember="Org.OData.Capabilities.V1.ConformanceLevelType/Minimal",
    )
    _told(container, "Capabilities.BatchSupported", Bool="false")
    _told(container, "Capabilities.CrossJoinSupported", Bool="false")
    _told(container, "Capabilities.IndexableByKey", Bool="true")
    functions = SubElement(_told(container, "Capabilities.FilterFunctions"), "Collection")
    for name in FUNCTIONS:
        SubElement(functions, "String").text = name


def _told(at: Element, term: str, **value: Any) -> Element:
    return SubElement(at, "Annotation", Term=term, **value)


def _record(at: Element, term: str, **values: str | int) -> None:
    record = SubElement(_told(at, term), "Record")
    for name, value in values.items():
        attribute: Words = {"Int": str(value)} if isinstance(value, int) else {"Bool": value}
        SubElement(record, "PropertyValue", Property=name, **attribute)
