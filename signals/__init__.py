"""Notices what self-reported colours hide: pure functions of what the ledger remembers and a date."""
