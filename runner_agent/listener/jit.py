"""The JIT configuration: base64 of a JSON object of file names to base64 file contents."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator

SETTINGS = ".runner"


class BadJit(ValueError):
    """The configuration cannot be one; the message says what is wrong, never what is in it."""


def files(encoded: str) -> dict[str, bytes]:
    """The files that the listener would write; raises `BadJit`."""
    try:
        data = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise BadJit("the JIT configuration is not base64 of JSON") from None
    if not isinstance(data, dict) or not data:
        raise BadJit("the JIT configuration holds no files")
    try:
        return {str(name): base64.b64decode(content, validate=True) for name, content in data.items()}
    except (binascii.Error, ValueError, TypeError):
        raise BadJit("a file in the JIT configuration is not base64") from None


def without_update(encoded: str) -> str:
    """The same configuration with the runner's self-update switched off; raises `BadJit`."""
    found = files(encoded)
    try:
        # GitHub writes the settings with a byte order mark.
        settings = json.loads(found[SETTINGS].decode("utf-8-sig"))
    except (KeyError, ValueError):
        raise BadJit("the JIT configuration holds no readable runner settings") from None
    if not isinstance(settings, dict):
        raise BadJit("the runner settings in the JIT configuration are not an object")
    kept = {name: value for name, value in settings.items() if name.lower() != "disableupdate"}
    found[SETTINGS] = json.dumps({**kept, "DisableUpdate": True}).encode()
    packed = {name: base64.b64encode(content).decode("ascii") for name, content in found.items()}
    return base64.b64encode(json.dumps(packed).encode()).decode("ascii")


def secrets(encoded: str) -> Iterator[str]:
    """Every form in which a part of the configuration could show up in a text."""
    yield encoded
    try:
        found = files(encoded)
    except BadJit:
        return
    for name, content in found.items():
        yield base64.b64encode(content).decode("ascii")
        if name != SETTINGS:
            text = content.decode("utf-8-sig", "replace")
            yield text
            yield from _values(text)


def _values(text: str) -> Iterator[str]:
    try:
        data = json.loads(text)
    except ValueError:
        return
    inner = data.get("data", data) if isinstance(data, dict) else {}
    for value in inner.values() if isinstance(inner, dict) else ():
        # Addresses are no secret, and hiding them would make every log unreadable.
        if isinstance(value, str) and not value.startswith("http"):
            yield value
