"""Compile the definitions: `python -m joey.core.wire.proto [FOLDER]`, at the root of the repository.

Modules and stubs go to their place below FOLDER, which is the root unless given. Needs the `dev` extra.
"""

from __future__ import annotations

import sys
from glob import glob
from importlib.resources import files

from grpc_tools import protoc


def main(arguments: list[str]) -> int:
    """Return protoc's exit status; 2 where there is nothing to compile."""
    folder = arguments[0] if arguments else "."
    definitions = sorted(glob("joey/core/wire/proto/*.proto"))
    if not definitions:
        sys.stderr.write("no definitions here: run this at the root of the repository\n")
        return 2
    well_known = files("grpc_tools") / "_proto"
    options = ["-I.", f"-I{well_known}", f"--python_out={folder}", f"--pyi_out={folder}"]
    status: int = protoc.main(["protoc", *options, *definitions])
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
