"""Files by URL: every published table as CSV, JSON Lines and Parquet. Described in docs/files.md."""
