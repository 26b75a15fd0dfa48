"""/docs: the contract in a browser. Swagger UI comes from a public network, as exactly these bytes or not at all."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

docs = APIRouter(include_in_schema=False)
FROM = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0/"
SCRIPT = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
STYLE = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I"
START = "SwaggerUIBundle({url: '/openapi.json', dom_id: '#contract', deepLinking: true})"
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sightline - API</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="{FROM}swagger-ui.css" integrity="{STYLE}" crossorigin="anonymous"></head>
<body><main id="contract">The contract is <a href="/openapi.json">openapi.json</a>; this page shows it where it may load Swagger UI.</main>
<script src="{FROM}swagger-ui-bundle.js" integrity="{SCRIPT}" crossorigin="anonymous"></script>
<script>{START}</script></body></html>
"""
POLICY = (
    f"default-src 'none'; script-src {FROM} 'sha256-{b64encode(sha256(START.encode()).digest()).decode()}'; "
    f"style-src {FROM} 'unsafe-inline'; img-src data:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Of this page alone."""


@docs.get("/docs")
def show_contract() -> HTMLResponse:
    """The contract, to read and to try out."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})
