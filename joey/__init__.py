"""Joey: foundation models in your Pocket.

A portal (`joey.gateway`), a supplier's node (`joey.node`), the books (`joey.economy`) and an
embedded Pocket network (`joey.adapters.chains.local`) in one package. Importing it starts and
loads nothing.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
