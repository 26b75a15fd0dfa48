"""Every way to ask: HTTP and terminal."""
