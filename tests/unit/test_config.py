from __future__ import annotations

import re
from pathlib import Path

import pytest

from joey.config import Config, list_values, read_config
from joey.core.errors import ConfigError

ROOT = Path(__file__).parents[2]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "joey.toml"
    path.write_text(text)
    return path


def test_no_file_gives_the_defaults() -> None:
    assert read_config(None, {}) == Config()


def test_a_file_and_the_environment_override_in_this_order(tmp_path: Path) -> None:
    path = write(tmp_path, '[gateway]\nlisten = "127.0.0.1:1"\nattempts_max = 5\n')
    config = read_config(
        path, {"JOEY_GATEWAY__LISTEN": "127.0.0.1:2", "HOME": "/x", "JOEY_GATEWAY__DEADLINE_S": "7"}
    )
    assert config.gateway.listen == "127.0.0.1:2"
    assert config.gateway.attempts_max == 5
    assert config.gateway.deadline_s == 7.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gatway]\n", "unknown key gatway; did you mean gateway"),
        ("[gateway]\nlissten = 'x'\n", "unknown key gateway.lissten; did you mean listen"),
        ("[gateway]\nattempts_max = '3'\n", "gateway.attempts_max must be a whole number"),
        ("[gateway]\nattempts_max = true\n", "gateway.attempts_max must be a whole number"),
        ("[gateway]\nattempts_max = 0\n", "gateway.attempts_max must be greater than 0"),
        ("[[offers]]\nmodels = 'm'\n", r"offers\[0\].models must be a list"),
        ("offers = []\n", "at least one offer"),
        ("[[offers]]\n[[offers]]\n", "offered twice"),
        ("[[node]]\n[[node.services]]\nservice = 'other'\n", "which no offer names"),
        ("[chain]\npreset = 'big'\n", "chain.preset must be minimal or mainnet"),
        ("[[node]]\n[[node.services]]\nengine = 3\n", r"node\[0\].services\[0\].engine must be a table"),
        ("not toml", "is not TOML"),
        ("[[offers]]\nmodels = []\n", r"offers\[0\].models must name at least one model"),
        ("[[offers]]\ntier = 'slow'\n", r"offers\[0\].tier must be interactive or batch"),
        ("[[offers]]\nmodality = 'image'\n", r"offers\[0\].modality must be chat"),
        ("[[offers]]\nservice = '../x'\n", r"offers\[0\].service must be at most 42 letters"),
        ("[books]\noperator = ''\n", "books.operator must be letters"),
        ("[[node]]\n[[node.services]]\nengine = {threads = -1}\n", "threads must be 0 or more"),
        ("[chain]\nkind = 'shannon'\n", "chain.grpc_urls is missing: list at least one full node"),
        (
            "[chain]\nkind = 'shannon'\ngrpc_urls = ['http://h:9090']\n",
            'chain.rpc_urls is missing: .*"http://HOST:26657"',
        ),
        (
            "[chain]\nkind = 'shannon'\ngrpc_urls = ['h:9090']\n",
            r"chain.grpc_urls\[0\] must look like http://HOST:9090 or https://HOST:443",
        ),
        ("[[offers]]\napplication = 'portal'\n", r"offers\[0\].application must be an address such as pokt1"),
        ("[chain]\nrequest_timeout_s = 0\n", "chain.request_timeout_s must be greater than 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_fix(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read_config(write(tmp_path, text), {})
    assert "\n" not in caught.value.message.strip()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[gateway]\nkey = 'SECRET'\n", "gateway.key"),
        ("[gateway]\napi_keys = ['env:NAME', 'SECRET']\n", "gateway.api_keys"),
        ("[[offers]]\napplication_key = 'SECRET'\n", r"offers\[0\].application_key"),
        ("[[node]]\nsupplier_key = 'SECRET'\n", r"node\[0\].supplier_key"),
        ("[keys]\npassphrase = 'SECRET'\n", "keys.passphrase"),
        (
            "[[node]]\n[[node.services]]\nengine = {api_key = 'SECRET'}\n",
            r"node\[0\].services\[0\].engine.api_key",
        ),
    ],
)
def test_a_secret_in_place_of_a_reference_is_refused_and_not_repeated(
    tmp_path: Path, text: str, where: str
) -> None:
    with pytest.raises(ConfigError, match=f"{where} must be a reference: env:NAME or file:PATH") as caught:
        read_config(write(tmp_path, text), {})
    assert "SECRET" not in str(caught.value)


def test_a_secret_of_the_wrong_type_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway.key must be text in quotes, not \*\*\*") as caught:
        read_config(write(tmp_path, "[gateway]\nkey = 987654321\n"), {})
    assert "987654321" not in str(caught.value)


def test_an_address_that_cannot_be_read_is_not_repeated(tmp_path: Path) -> None:
    text = "[chain]\nkind = 'shannon'\ngrpc_urls = ['http://h:1']\nrpc_urls = ['ws://user:SECRET@h:1']\n"
    with pytest.raises(ConfigError, match=r"chain.rpc_urls\[0\] must look like") as caught:
        read_config(write(tmp_path, text), {})
    assert "SECRET" not in str(caught.value)


SHANNON = """
[chain]
kind = "shannon"
grpc_urls = ["http://127.0.0.1:9090"]
rpc_urls = ["http://127.0.0.1:26657"]
"""


def test_by_address_a_gateway_needs_no_node_and_a_node_need_not_serve_every_offer(tmp_path: Path) -> None:
    gateway = read_config(write(tmp_path, SHANNON + "[[offers]]\nservice = 'elsewhere'\n"), {})
    assert gateway.node == ()
    two = "[[offers]]\n[[offers]]\nservice = 'other'\nmodels = ['m']\n[[node]]\n[[node.services]]\n"
    assert len(read_config(write(tmp_path, SHANNON + two), {}).node) == 1
    with pytest.raises(ConfigError, match="no node serves other"):
        read_config(write(tmp_path, two), {})


def test_full_nodes_may_come_from_the_environment() -> None:
    environment = {
        "JOEY_CHAIN__KIND": "shannon",
        "JOEY_CHAIN__GRPC_URLS": '["http://a:1", "http://b:1"]',
        "JOEY_CHAIN__RPC_URLS": '["http://a:2"]',
    }
    chain = read_config(None, environment).chain
    assert (chain.grpc_urls, chain.rpc_urls) == (("http://a:1", "http://b:1"), ("http://a:2",))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml"):
        read_config(tmp_path / "none.toml", {})


def test_a_single_node_needs_no_array(tmp_path: Path) -> None:
    config = read_config(
        write(tmp_path, "[[node.services]]\nengine = {kind = 'openai', url = 'http://h'}\n"), {}
    )
    assert [service.engine.url for node in config.node for service in node.services] == ["http://h"]


def test_the_page_of_settings_lists_every_key_with_its_default() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([^`]+)` \| (?:`([^`]*)`)? *\|", page, re.M))
    defaults = {}
    for path, value in list_values(Config()):
        text = "" if value == "" else str(value)
        if isinstance(value, tuple):
            text = str(list(value)).replace("'", '"')
        defaults.setdefault(re.sub(r"\[\d+\]", "[]", path), text)
    assert {path: text.strip('"') for path, text in rows.items()} == {
        p: t.strip('"') for p, t in defaults.items()
    }


def test_the_examples_on_the_page_are_accepted(tmp_path: Path) -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert len(examples) == 2
    address = "pokt10d07y265gmmuvt4z0w9aw880jnsr700j8yv32t"
    gateway, node = (read_config(write(tmp_path, one.replace("pokt1...", address)), {}) for one in examples)
    assert gateway.offers[0].application == address
    assert node.node[0].supplier_key == f"file:{tmp_path}/keys/supplier.json"


def test_references_lead_from_the_folder_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = write(
        tmp_path, "[gateway]\nkey = 'file:keys/a.json'\napi_keys = ['file:/b', 'env:C', 'file:~/d']\n"
    )
    config = read_config(path, {"JOEY_KEYS__PASSPHRASE": "file:word"})
    assert config.gateway.key == f"file:{tmp_path}/keys/a.json"
    assert config.gateway.api_keys == ("file:/b", "env:C", f"file:{Path.home()}/d")
    assert config.keys.passphrase == f"file:{elsewhere}/word"


def test_a_variable_is_read_as_its_setting_wants_it() -> None:
    config = read_config(
        None,
        {
            "JOEY_CHAIN__GAS_PRICE_UPOKT": "0.001",
            "JOEY_BOOKS__POKT_USD": '"0.30"',
            "JOEY_CHAIN__KIND": "shannon",
            "JOEY_CHAIN__GRPC_URLS": "http://a:1, http://b:1",
            "JOEY_CHAIN__RPC_URLS": "http://a:2",
        },
    )
    assert (config.chain.gas_price_upokt, config.books.pokt_usd) == ("0.001", "0.30")
    assert (config.chain.grpc_urls, config.chain.rpc_urls) == (("http://a:1", "http://b:1"), ("http://a:2",))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("JOEY_CHAIN__GAS_PRICE_UPOKT", "cheap", "chain.gas_price_upokt must be a decimal"),
        ("JOEY_CHAIN__GAS_MARGIN", "0.5", "chain.gas_margin must be 1 or more"),
        ("JOEY_CHAIN__KIND", "shanon", "did you mean shannon"),
        ("JOEY_CHAIN__KINDD", "local", "unknown key chain.kindd; did you mean kind"),
        ("JOEY_GATEWAY__ATTEMPTS_MAX", "many", "gateway.attempts_max must be a whole number"),
    ],
)
def test_an_error_about_a_variable_names_it(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: .*{says}"):
        read_config(write(tmp_path, ""), {name: text})


def test_an_unknown_plugin_is_named_with_file_and_key(tmp_path: Path) -> None:
    path = write(tmp_path, "[[node.services]]\nengine = {kind = 'opneai'}\n")
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    where = f"{path}: node[0].services[0].engine.kind is 'opneai'"
    assert caught.value.message == f"{where}, which no plugin is called: did you mean openai?"


def test_the_readme_example_is_accepted(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    example = re.search(r"```toml\n(.*?)```", readme, re.S)
    assert example is not None
    config = read_config(write(tmp_path, example[1]), {})
    assert config.offers[0].models == ("my-model",)
    assert len(config.node) == 2
