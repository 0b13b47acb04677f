"""A cache of what cannot change any more, with a bound on how much of it is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

KeyType = TypeVar("KeyType", bound=Hashable)
ValueType = TypeVar("ValueType")


class Recent(Generic[KeyType, ValueType]):
    """The values used last: at most so many, and at most so much weight together."""

    def __init__(self, count_max: int, weight_max: int | None = None) -> None:
        self._count_max = count_max
        self._weight_max = weight_max
        self._weight = 0
        self._values: OrderedDict[KeyType, tuple[ValueType, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: KeyType) -> ValueType | None:
        """Return a value that is still here."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: KeyType, value: ValueType, weight: int = 0) -> None:
        """Keep a value; others are forgotten where it takes too much."""
        self._weight += weight - self._values.pop(key, (None, 0))[1]
        self._values[key] = (value, weight)
        while len(self._values) > self._count_max or (
            self._weight_max is not None and self._weight > self._weight_max and len(self._values) > 1
        ):
            _, (_, freed) = self._values.popitem(last=False)
            self._weight -= freed
