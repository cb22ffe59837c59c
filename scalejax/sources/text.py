"""Bytes to text: UTF-8 or a refusal."""

from scalejax.sources.refusals import refusal

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_REMEDY = "save the file as UTF-8"


def decode(content: bytes, name: str) -> str:
    """The text in UTF-8, with or without a mark at the beginning.

    Raises:
        InputError: E123, it is another encoding or binary.
    """
    if content.startswith(_UTF16_BOMS):
        raise refusal(name, "E123", f"the file is UTF-16; {_REMEDY}")
    if b"\0" in content:
        message = f"the file holds NUL characters (UTF-16 without mark?); {_REMEDY}"
        raise refusal(name, "E123", message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start)
        message = f"line {row + 1} of the file is not UTF-8; {_REMEDY}"
        raise refusal(name, "E123", message, (row,) if row else ()) from None
