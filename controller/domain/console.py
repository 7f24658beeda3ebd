"""What a machine wrote on its console, fit to be shown: the end of it, as plain text, without what looks secret."""

from __future__ import annotations

import re

LONGEST = 2_000
HIDDEN = "***"

_BLOCK = re.compile(r"-----BEGIN [^-\n]*PRIVATE KEY-----.*?(?:-----END [^-\n]*-----|\Z)", re.DOTALL)
_SECRET = re.compile(
    r"gh[pousr]_\w{16,}"
    r"|github_pat_\w{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    # A JIT configuration, a session token: nothing that a person wrote is so long without a break.
    r"|[A-Za-z0-9+/=_-]{80,}"
    r"|(?i:(?<=bearer )|(?<=password=)|(?<=token=)|(?<=secret=)|(?<=key=)|(?<=signature=))[^\s\"'&]+"
)
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_READ = 65_536


def readable(text: str) -> str:
    """The last of a console's text, with secrets hidden before anything is cut."""
    plain = _ESCAPE.sub("", text[-_READ:]).replace("\r\n", "\n").replace("\r", "\n")
    printable = "".join(char for char in plain if char in "\t\n" or char.isprintable())
    clean = _SECRET.sub(HIDDEN, _BLOCK.sub(HIDDEN, printable))
    lines = [line.rstrip() for line in clean.split("\n")]
    return "\n".join(line for line in lines if line)[-LONGEST:]
