"""Who asks, and may they: keys, sign-in, sessions, other sites, and what a browser is told."""
