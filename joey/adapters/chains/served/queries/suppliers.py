"""pocket.supplier.Query. Source: x/supplier/keeper/query_supplier.go."""

from __future__ import annotations

from joey.adapters.chains.served.pages import cut_page
from joey.adapters.chains.served.snapshot import Snapshot, not_found
from joey.core.protocol.queries import supplier_at, supplier_config_at
from joey.core.wire.codec import supplier_to_proto
from joey.core.wire.proto import shared_pb2
from joey.core.wire.proto import supplier_query_pb2 as wire
from joey.core.wire.session import Supplier

__all__ = ["answer_all_suppliers", "answer_supplier"]


def answer_supplier(
    snapshot: Snapshot, request: wire.QueryGetSupplierRequest
) -> wire.QueryGetSupplierResponse:
    """Return one supplier with the services that it offers at the height of the query."""
    supplier = snapshot.state.suppliers.get(request.operator_address)
    if supplier is None:
        raise not_found(f"supplier with operator address: {request.operator_address!r}: supplier not found")
    return wire.QueryGetSupplierResponse(supplier=_write(snapshot, supplier, request.dehydrated))


def answer_all_suppliers(
    snapshot: Snapshot, request: wire.QueryAllSuppliersRequest
) -> wire.QueryAllSuppliersResponse:
    """Return a page of the suppliers that pass every filter that is set."""
    rows = (
        (key, supplier)
        for key, supplier in snapshot.state.suppliers.items()
        if _passes(snapshot, supplier, request)
    )
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryAllSuppliersResponse(
        supplier=(_write(snapshot, supplier, request.dehydrated) for supplier in page), pagination=pagination
    )


def _passes(snapshot: Snapshot, supplier: Supplier, request: wire.QueryAllSuppliersRequest) -> bool:
    if request.operator_address and supplier.operator_address != request.operator_address:
        return False
    if request.owner_address and supplier.owner_address != request.owner_address:
        return False
    if not request.service_id:
        return True
    return supplier_config_at(supplier, request.service_id, snapshot.block.height) is not None


def _write(snapshot: Snapshot, supplier: Supplier, dehydrated: bool) -> shared_pb2.Supplier:
    message = supplier_to_proto(supplier_at(supplier, snapshot.block.height))
    if dehydrated:
        message.ClearField("service_config_history")
    return message
