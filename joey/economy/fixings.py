"""The week's rate: asked for once, kept, and never asked for again."""

from __future__ import annotations

import logging

from joey.core.errors import MissingFixing
from joey.core.ledger.invoices import Fixing
from joey.core.units import format_usd
from joey.ports.rates import RateSource
from joey.ports.stores import Invoices

__all__ = ["fix_week", "require_fixing"]

_log = logging.getLogger(__name__)


async def fix_week(week: str, *, source: RateSource, invoices: Invoices) -> Fixing:
    """Return the fixing of a week, writing it from the source's quote if there is none yet.

    The first one kept stands: of two that race, both callers get the same, and a later quote changes
    nothing. Raises `MissingFixing` when the source quotes no positive price.
    """
    kept = await invoices.fixing(week)
    if kept is not None:
        return kept
    quote = await source.quote()
    if quote.price <= 0:
        raise MissingFixing(f"{quote.source} quotes {format_usd(quote.price)} dollars for a POKT", week=week)
    fixing = await invoices.save_fixing(Fixing(week, quote.price, quote.source, quote.time))
    _log.info("week %s is fixed at %s dollars per POKT by %s", week, format_usd(fixing.price), fixing.source)
    return fixing


async def require_fixing(week: str, *, invoices: Invoices) -> Fixing:
    """Return the fixing of a week. Raises `MissingFixing` when none was written."""
    fixing = await invoices.fixing(week)
    if fixing is None:
        raise MissingFixing(f"no rate was fixed for {week}: it cannot be invoiced", week=week)
    return fixing
