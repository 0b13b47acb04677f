"""Every query that a state alone answers, by its gRPC path.

An answer is a function of a `Snapshot` and the request's message; it raises `QueryRefused`, and may
be called in any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from joey.adapters.chains.served.queries.accounts import answer_account, answer_balance, answer_supply
from joey.adapters.chains.served.queries.applications import answer_all_applications, answer_application
from joey.adapters.chains.served.queries.claims import (
    answer_all_claims,
    answer_all_proofs,
    answer_claim,
    answer_proof,
)
from joey.adapters.chains.served.queries.gateways import answer_all_gateways, answer_gateway
from joey.adapters.chains.served.queries.params import answer_shared_params_at, make_params_answer
from joey.adapters.chains.served.queries.services import (
    answer_all_difficulties,
    answer_all_services,
    answer_compute_units_at,
    answer_compute_units_history,
    answer_difficulty,
    answer_difficulty_at,
    answer_difficulty_history,
    answer_service,
)
from joey.adapters.chains.served.queries.suppliers import answer_all_suppliers, answer_supplier
from joey.adapters.chains.served.snapshot import Snapshot
from joey.core.wire.network_methods import NETWORK_METHODS

__all__ = ["STATE_QUERIES", "StateQuery"]

StateQuery = Callable[[Snapshot, Any], Message]

_MODULES = (
    "application",
    "gateway",
    "proof",
    "service",
    "session",
    "shared",
    "supplier",
    "tokenomics",
)


def _list_params_queries() -> dict[str, StateQuery]:
    paths = {module: f"/pocket.{module}.Query/Params" for module in _MODULES}
    return {
        path: make_params_answer(module, NETWORK_METHODS[path].response_type)
        for module, path in paths.items()
    }


STATE_QUERIES: Final[Mapping[str, StateQuery]] = {
    **_list_params_queries(),
    "/pocket.shared.Query/ParamsAtHeight": answer_shared_params_at,
    "/pocket.application.Query/Application": answer_application,
    "/pocket.application.Query/AllApplications": answer_all_applications,
    "/pocket.gateway.Query/Gateway": answer_gateway,
    "/pocket.gateway.Query/AllGateways": answer_all_gateways,
    "/pocket.supplier.Query/Supplier": answer_supplier,
    "/pocket.supplier.Query/AllSuppliers": answer_all_suppliers,
    "/pocket.service.Query/Service": answer_service,
    "/pocket.service.Query/AllServices": answer_all_services,
    "/pocket.service.Query/RelayMiningDifficulty": answer_difficulty,
    "/pocket.service.Query/RelayMiningDifficultyAll": answer_all_difficulties,
    "/pocket.service.Query/RelayMiningDifficultyAtHeight": answer_difficulty_at,
    "/pocket.service.Query/RelayMiningDifficultyHistory": answer_difficulty_history,
    "/pocket.service.Query/ComputeUnitsPerRelayAtHeight": answer_compute_units_at,
    "/pocket.service.Query/ComputeUnitsPerRelayHistory": answer_compute_units_history,
    "/pocket.proof.Query/Claim": answer_claim,
    "/pocket.proof.Query/AllClaims": answer_all_claims,
    "/pocket.proof.Query/Proof": answer_proof,
    "/pocket.proof.Query/AllProofs": answer_all_proofs,
    "/cosmos.auth.v1beta1.Query/Account": answer_account,
    "/cosmos.bank.v1beta1.Query/Balance": answer_balance,
    "/cosmos.bank.v1beta1.Query/SupplyOf": answer_supply,
}
"""What is left are the calls that need more than one state: sessions, transactions, the node itself."""
