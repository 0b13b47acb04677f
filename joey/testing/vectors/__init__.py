"""Holding our protocol code to vectors made by the network's reference code.

`run_folder` reads every JSON file of a folder; each kind of file has a module here, which names its
groups and how an item of each is checked. Whatever an item states is recomputed from its inputs
with the very functions that gateway, node and chain use, and compared byte for byte.

Not compared, by choice: texts that only the reference can word (`error`, `verify_error`, `detail`,
`stage`, and of `validate_basic_error`, `unmarshal_error` and the like anything beyond whether there
is one), `note` and `kind`, which say what an item is about, and the `reference` of a file. They are
shown where a comparison fails. A field that no check looked at is named after its group's line.
"""

from joey.testing.vectors.runner import GroupResult, run_file, run_folder

__all__ = ["GroupResult", "run_file", "run_folder"]
