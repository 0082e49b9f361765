"""The shared cache in Valkey, and this process's memory while that is away."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from avatarsite.outages.breaker import Breaker

breaker = Breaker("shared cache")


class SharedCache(BaseCache):
    """As Django's RedisCache. While the server is away, limits are counted by each process for itself."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._shared = RedisCache(server, params)
        self._own = LocMemCache("while the shared cache is away", {})

    def _ask(self, method: str, *args: Any, **given: Any) -> Any:
        if breaker.lets_through():
            try:
                found = getattr(self._shared, method)(*args, **given)
            except (RedisError, OSError) as error:
                breaker.trip(error)
            else:
                breaker.reset()
                return found
        return getattr(self._own, method)(*args, **given)

    def add(self, *args: Any, **given: Any) -> Any:
        return self._ask("add", *args, **given)

    def get(self, *args: Any, **given: Any) -> Any:
        return self._ask("get", *args, **given)

    def set(self, *args: Any, **given: Any) -> Any:
        return self._ask("set", *args, **given)

    def touch(self, *args: Any, **given: Any) -> Any:
        return self._ask("touch", *args, **given)

    def delete(self, *args: Any, **given: Any) -> Any:
        return self._ask("delete", *args, **given)

    def incr(self, *args: Any, **given: Any) -> Any:
        return self._ask("incr", *args, **given)

    def has_key(self, *args: Any, **given: Any) -> Any:
        return self._ask("has_key", *args, **given)

    def get_many(self, *args: Any, **given: Any) -> Any:
        return self._ask("get_many", *args, **given)

    def set_many(self, *args: Any, **given: Any) -> Any:
        return self._ask("set_many", *args, **given)

    def delete_many(self, *args: Any, **given: Any) -> Any:
        return self._ask("delete_many", *args, **given)

    def clear(self) -> Any:
        return self._ask("clear")
