"""Keeps the ledger true: runs connectors through the normalizer into the ledger."""
