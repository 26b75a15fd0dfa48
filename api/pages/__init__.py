"""The pages: what people open in a browser. Made on the server, of the same objects that /v1 answers; see docs/pages.md."""
