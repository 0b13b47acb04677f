"""A gateway as a process of its own: its key, its applications, its tenants, on a chain by address.

Before it serves it asks the chain whether it may sign for every application that its offers name;
what is missing is one line with the command that mends it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio

from joey.adapters.clock import SystemClock
from joey.adapters.entropy import SystemEntropy
from joey.adapters.keyrings.file import FileKeyring
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants, SqliteUsage
from joey.config import Config, OfferConfig
from joey.core.errors import ConfigError
from joey.gateway.access import API_KEY_LENGTH_MAX, hash_api_key
from joey.gateway.app import Delegation, Gateway
from joey.http.server import ServerLimits
from joey.ports.chain import Chain
from joey.ports.stores import Tenant
from joey.relaying.outcome import RelayOutcome
from joey.wiring.addresses import check_is_free, format_url, split_address
from joey.wiring.chains import ask_patiently, describe_chain, enter_chain, require_address
from joey.wiring.folder import DataFolder
from joey.wiring.keys import read_key, read_secret
from joey.wiring.offers import make_offers

__all__ = ["check_delegation", "open_portal", "read_delegations"]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_portal(
    config: Config,
    folder: DataFolder,
    report: Callable[[str], None],
    on_outcome: Callable[[RelayOutcome], None],
) -> AsyncIterator[str]:
    """Start the gateway of the settings; yield its URL once it serves; drain and stop it when left.

    A chain that does not answer yet is waited for. Raises `ConfigError` for what a person must change.
    """
    require_address(config.chain, "joey gateway")
    check_is_free(config.gateway.listen, "gateway.listen", "set another")
    delegations = read_delegations(config)
    where = describe_chain(config.chain)
    async with AsyncExitStack() as stack:
        database = Database(folder.portal, PORTAL_MIGRATIONS)
        stack.callback(database.close)
        tenants = SqliteTenants(database)
        await _set_api_keys(config, folder, tenants, report)
        chain = await enter_chain(stack, config.chain, report)
        for i, offer in enumerate(config.offers):
            check = partial(check_delegation, chain, offer, f"offers[{i}]", delegations[offer.service])
            await ask_patiently(check, where, report)
        gateway = _make_gateway(config, chain, delegations, tenants, SqliteUsage(database), on_outcome)
        async with anyio.create_task_group() as tasks:
            host, port = await tasks.start(gateway.run, name="gateway")
            yield format_url(host, port)
            tasks.cancel_scope.cancel()


def read_delegations(config: Config) -> Mapping[str, Delegation]:
    """Return, by service, the application that pays and the key that signs. Raises `ConfigError`."""
    passphrase = config.keys.passphrase
    delegations = {}
    for i, offer in enumerate(config.offers):
        where = f"offers[{i}]"
        if offer.application_key:
            key = read_key(offer.application_key, f"{where}.application_key", passphrase=passphrase)
            if offer.application not in ("", key.address):
                raise ConfigError(
                    f"{where}.application is {offer.application}, and application_key is that of"
                    f" {key.address}: remove one of them"
                )
            delegations[offer.service] = Delegation(key.address, key)
        elif offer.application:
            key = read_key(config.gateway.key, "gateway.key", passphrase=passphrase)
            delegations[offer.service] = Delegation(offer.application, key)
        else:
            raise ConfigError(
                f"{where}.application is missing: name the address of the application that pays for"
                f" {offer.service}, or refer to its key with application_key"
            )
    return delegations


async def check_delegation(chain: Chain, offer: OfferConfig, where: str, delegation: Delegation) -> None:
    """Check on chain that relays of an offer can be signed and paid.

    `where` is the offer's path in the settings. Raises `ConfigError` with the command that mends what
    is missing, and `ChainUnavailable`.
    """
    signer, address = delegation.key.address, delegation.application_address
    application = await chain.application(address)
    if application is None:
        raise ConfigError(
            f"{where}: application {address} is not staked for {offer.service}:"
            " run `joey stake application FILE`"
        )
    if application.service_id != offer.service:
        raise ConfigError(
            f"{where}: application {address} is staked for {application.service_id}, not {offer.service}:"
            " name another, or run `joey stake application FILE`"
        )
    if application.pending_transfer is not None:
        _log.warning(
            "%s: application %s is moving to %s: relays for %s will stop, as those of the sessions to come"
            " would not be paid; name the new account once it has the stake",
            where,
            address,
            application.pending_transfer.destination_address,
            offer.service,
        )
    if signer == address:
        return
    if await chain.gateway(signer) is None:
        raise ConfigError(f"gateway.key: gateway {signer} is not staked: run `joey stake gateway FILE`")
    if signer not in application.delegated_gateways:
        raise ConfigError(
            f"{where}: application {address} has not delegated to gateway {signer}: run"
            " `joey stake application FILE` with it among the gateways"
        )


async def _set_api_keys(
    config: Config, folder: DataFolder, tenants: SqliteTenants, report: Callable[[str], None]
) -> None:
    """Let in those who hold one of the keys of the settings, and nobody else.

    Without any, a key is made in the data folder, and kept.
    """
    references = config.gateway.api_keys
    if references:
        api_keys = [_read_api_key(one, f"gateway.api_keys[{i}]") for i, one in enumerate(references)]
    else:
        api_keys = [FileKeyring(folder.keys).get_or_create_text("api-key", "joey-")]
        report(f"gateway.api_keys is not set: the API key is in {folder.keys / 'api-key'}")
    operator = config.books.operator
    await tenants.set_keys(Tenant(operator, operator), [hash_api_key(one) for one in api_keys])


def _read_api_key(reference: str, where: str) -> str:
    api_key = read_secret(reference, where)
    if (
        not (api_key.isascii() and api_key.isprintable())
        or " " in api_key
        or len(api_key) > API_KEY_LENGTH_MAX
    ):
        raise ConfigError(
            f"{where} leads to what is no API key: at most {API_KEY_LENGTH_MAX} letters, digits and signs,"
            " without a space"
        )
    return api_key


def _make_gateway(
    config: Config,
    chain: Chain,
    delegations: Mapping[str, Delegation],
    tenants: SqliteTenants,
    usage: SqliteUsage,
    on_outcome: Callable[[RelayOutcome], None],
) -> Gateway:
    settings = config.gateway
    host, port = split_address(settings.listen, "gateway.listen")
    return Gateway(
        chain=chain,
        offers=make_offers(config),
        delegations=delegations,
        tenants=tenants,
        usage=usage,
        clock=SystemClock(),
        entropy=SystemEntropy(),
        host=host,
        port=port,
        limits=ServerLimits(body_bytes_max=settings.body_bytes_max),
        on_outcome=on_outcome,
        attempts_max=settings.attempts_max,
        deadline_s=settings.deadline_s,
    )
