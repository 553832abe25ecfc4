"""What text of a client's may stand in facts, scores and the log of webhooks: names of things and of kinds of errors.

Everything else there is a number, a time, a flag or a word of a vocabulary (docs/semantics.md, "Names and texts").
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, Final

__all__ = ["OTHER", "error_type_of", "is_key", "is_version", "name_of"]

# What stands for a word that is none of its vocabulary.
OTHER: Final = "other"

# Tutorials, steps, runs and cells have short names; more words than these are a sentence, and an @, of whatever width,
# is an address.
_MOST_WORDS: Final = 8
_AT: Final = re.compile("[@\uff20\ufe6b]")
# An object as text: a name is one value.
_OBJECT: Final = "{}"

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

# What runs code tells where it failed; exceptions end in what they are, but for some of Python's.
_PHASES: Final = frozenset({"pre-compile-time", "compile-time", "run-time"})
_BARE: Final = frozenset({"Empty", "Full", "ExceptionGroup", "BaseExceptionGroup", "Timeout", "StopTest", "SkipTest"})
_EXCEPTION: Final = re.compile(
    r"(?:[A-Za-z_]\w{0,31}\.){0,4}[A-Za-z_]\w{0,50}(?:Error|Exception|Exit|Interrupt|Iteration|Warning|Failure|Fault)",
    re.ASCII,
)
_LONGEST_TYPE: Final = 64
_VERSION: Final = re.compile(r"v?[0-9]{1,6}(\.[0-9]{1,6}){1,3}([-.]?(a|b|rc|alpha|beta|dev|next|post)[-.]?[0-9]{0,6})?")


def name_of(text: str) -> str:
    """A name as it is; what is none (a sentence, an address, an object) as a digest, which still tells two apart."""
    if (
        _AT.search(text) is None
        and len(text.split(None, _MOST_WORDS)) <= _MOST_WORDS
        and text[:1] + text[-1:] != _OBJECT
    ):
        return text
    return f"~{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"


def is_key(name: str) -> bool:
    """Whether a text is what a programmer calls something: letters, digits, `_`, `.` and `-`, at most 64."""
    return _KEY.fullmatch(name) is not None


def is_version(text: str) -> bool:
    """Whether a text is the version of a program: numbers with dots, and perhaps which trial of it."""
    return _VERSION.fullmatch(text) is not None


def error_type_of(value: Any) -> str:
    """The kind of an error: the name of an exception or a phase, `other` for any other text, empty for none."""
    if type(value) is not str or not value.strip():
        return ""
    text = value.strip()
    known = text in _PHASES or text in _BARE or (len(text) <= _LONGEST_TYPE and _EXCEPTION.fullmatch(text) is not None)
    return text if known else OTHER
