"""An invoice as text: canonical JSON for the store, for programs and for the public copy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from joey.core.ledger.invoices import Fixing, Invoice, InvoiceLine
from joey.core.units import ComputeUnits, NanoUsd, Upokt

__all__ = ["decode_invoice", "encode_invoice"]


def encode_invoice(invoice: Invoice) -> str:
    """Return an invoice as canonical JSON; fractions are text such as `9/200`, amounts are integers."""
    fixing = invoice.fixing
    return json.dumps(
        {
            "number": invoice.number,
            "operator": invoice.operator,
            "week": invoice.week,
            "sequence": invoice.sequence,
            "time": invoice.time.astimezone(UTC).isoformat(),
            "fixing": {
                "price_nano_usd_per_pokt": fixing.price,
                "source": fixing.source,
                "time": fixing.time.astimezone(UTC).isoformat(),
            },
            "lines": [_describe_line(line) for line in invoice.lines],
            "total": {
                "relays": invoice.relays,
                "burned_upokt": invoice.burned,
                "reimbursed_upokt": invoice.reimbursed,
                "minted_upokt": invoice.minted,
                "residue_upokt": str(invoice.residue),
                "nano_usd": invoice.dollars,
            },
            "entry_ids": list(invoice.entry_ids),
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def _describe_line(line: InvoiceLine) -> dict[str, int | str]:
    return {
        "service": line.service_id,
        "application": line.application_address,
        "relays": line.relays,
        "compute_units": line.compute_units,
        "burned_upokt": line.burned,
        "reimbursed_upokt": line.reimbursed,
        "minted_upokt": line.minted,
        "overservicing_loss_upokt": line.overservicing_loss,
        "agreed_upokt": str(line.agreed),
        "residue_upokt": str(line.residue),
        "nano_usd": line.dollars,
    }


def decode_invoice(text: str) -> Invoice:
    """Return the invoice that `encode_invoice` wrote. Raises `ValueError` for anything else."""
    try:
        data = json.loads(text)
        fixing = data["fixing"]
        return Invoice(
            operator=data["operator"],
            week=data["week"],
            sequence=data["sequence"],
            time=datetime.fromisoformat(data["time"]),
            fixing=Fixing(
                week=data["week"],
                price=NanoUsd(fixing["price_nano_usd_per_pokt"]),
                source=fixing["source"],
                time=datetime.fromisoformat(fixing["time"]),
            ),
            lines=tuple(_read_line(line) for line in data["lines"]),
            entry_ids=tuple(data["entry_ids"]),
        )
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"not an invoice: {wrong}") from None


def _read_line(line: dict[str, Any]) -> InvoiceLine:
    return InvoiceLine(
        service_id=line["service"],
        application_address=line["application"],
        relays=line["relays"],
        compute_units=ComputeUnits(line["compute_units"]),
        burned=Upokt(line["burned_upokt"]),
        reimbursed=Upokt(line["reimbursed_upokt"]),
        minted=Upokt(line["minted_upokt"]),
        overservicing_loss=Upokt(line["overservicing_loss_upokt"]),
        agreed=Fraction(line["agreed_upokt"]),
        residue=Fraction(line["residue_upokt"]),
        dollars=NanoUsd(line["nano_usd"]),
    )
