"""What the terminal asks and prints; api/cli.py is where it begins."""
