"""Text that both databases store alike, and that a sentence can hold."""


def storable(text: str) -> str:
    """The text without NUL and with lone surrogates replaced: PostgreSQL refuses both, SQLite cuts at the first."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "")


def brief(text: str, most: int = 80) -> str:
    """A tracker's text within a sentence: its beginning, where it is a long one."""
    return text if len(text) <= most else f"{text[: most - 3].rstrip()}..."
