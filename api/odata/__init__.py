"""OData v4, read-only: the published tables for Power BI, Excel, Tableau and whoever speaks it. Described in docs/odata.md."""
