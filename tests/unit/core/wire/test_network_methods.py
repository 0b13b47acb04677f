"""The table of calls has every one that clients of the network make, and names types right."""

from __future__ import annotations

import pytest

from joey.core.wire.network_methods import NETWORK_METHODS

QUERIES = {
    "session": "GetSession Params",
    "application": "Application AllApplications Params",
    "gateway": "Gateway AllGateways Params",
    "supplier": "Supplier AllSuppliers Params",
    "service": "Service AllServices RelayMiningDifficulty RelayMiningDifficultyAll Params"
    " RelayMiningDifficultyAtHeight RelayMiningDifficultyHistory ComputeUnitsPerRelayAtHeight"
    " ComputeUnitsPerRelayHistory",
    "shared": "Params ParamsAtHeight",
    "proof": "Claim Proof AllClaims AllProofs Params",
    "tokenomics": "Params",
}
OTHERS = {
    "/cosmos.auth.v1beta1.Query/Account",
    "/cosmos.bank.v1beta1.Query/Balance",
    "/cosmos.bank.v1beta1.Query/SupplyOf",
    "/cosmos.tx.v1beta1.Service/Simulate",
    "/cosmos.tx.v1beta1.Service/BroadcastTx",
    "/cosmos.tx.v1beta1.Service/GetTx",
    "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
    "/cosmos.base.tendermint.v1beta1.Service/GetSyncing",
    "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock",
    "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight",
}


def test_every_call_is_there() -> None:
    queries = {
        f"/pocket.{module}.Query/{name}" for module, names in QUERIES.items() for name in names.split()
    }
    assert NETWORK_METHODS.keys() == queries | OTHERS


@pytest.mark.parametrize("path", sorted(NETWORK_METHODS))
def test_types_are_of_the_calls_package_and_round_trip(path: str) -> None:
    method = NETWORK_METHODS[path]
    package = path[1:].rpartition("/")[0].rpartition(".")[0]
    for message_type in (method.request_type, method.response_type):
        assert message_type.DESCRIPTOR.full_name.rpartition(".")[0] == package
        assert message_type().SerializeToString() == b""
    assert method.path == path


def test_field_numbers_of_requests() -> None:
    """Source: the network's query.proto files."""
    numbers = {
        path: {field.name: field.number for field in method.request_type.DESCRIPTOR.fields}
        for path, method in NETWORK_METHODS.items()
    }
    assert numbers["/pocket.session.Query/GetSession"] == {
        "application_address": 1,
        "service_id": 2,
        "block_height": 3,
    }
    assert numbers["/pocket.supplier.Query/AllSuppliers"] == {
        "pagination": 1,
        "service_id": 2,
        "operator_address": 3,
        "owner_address": 4,
        "dehydrated": 5,
    }
    assert numbers["/pocket.proof.Query/AllClaims"] == {
        "pagination": 1,
        "supplier_operator_address": 2,
        "session_id": 3,
        "session_end_height": 4,
    }
    assert numbers["/cosmos.tx.v1beta1.Service/BroadcastTx"] == {"tx_bytes": 1, "mode": 2}
    assert numbers["/cosmos.tx.v1beta1.Service/Simulate"] == {"tx": 1, "tx_bytes": 2}
