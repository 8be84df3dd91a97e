"""Text that can be kept and shown, of text as it came over the wire."""


def spelt_out(text: str) -> str:
    """The text without NULs, and bytes that were no text (lone surrogates, quirks C17) spelt out: ``\\xff``
    stands there as ``\\udcff``. No database and no JSON takes them otherwise, and two codes stay two."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode()
