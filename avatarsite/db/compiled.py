"""Queries compiled once: to put a query's text together takes Django several times as long as its answer takes.

For what every request asks. The text may depend on nothing but the names of what the query is asked with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable

M = TypeVar("M", bound=Model)
Row = Sequence[Any]
FIRST_STAND_IN = 1 << 50  # what stands for a value while the text is put together, to be found again in it


class Part:
    """A model's columns in a row of the answer; ``relation`` leads there from the rows that are asked for."""

    def __init__(self, model: type[Model], columns: Sequence[str], begin: int, relation: Any = None) -> None:
        every = {field.attname: field for field in model._meta.concrete_fields}  # noqa: SLF001 -- documented by Django
        self.model, self.relation = model, relation
        names = [name for name in every if not columns or name in columns]  # in the order in which from_db goes
        self._names = frozenset(names)  # each of the model's columns is looked for in it, for each row
        self.place = slice(begin, begin + len(names))
        self._key = begin + names.index(next(name for name, field in every.items() if field.primary_key))
        self.paths = [f"{relation.name}__{name}" if relation else name for name in names]
        # What its driver gives is the value; but for JSON, which Django reads itself.
        readers = {begin + at: getattr(every[name], "from_db_value", None) for at, name in enumerate(names)}
        self.readers = {at: reader for at, reader in readers.items() if reader}

    def load(self, row: Row) -> Any:
        """None where there was no row to join."""
        return None if row[self._key] is None else self.model.from_db(connection.alias, self._names, row[self.place])

    def join(self, made: Model, row: Row) -> None:
        found = self.load(row)
        self.relation.set_cached_value(made, found)
        if found is not None and self.relation.one_to_one:
            self.relation.remote_field.set_cached_value(found, made)


class Compiled(Generic[M]):
    """A query that ``build`` makes of what it is asked with: texts and numbers.

    It fetches ``columns``, or all; attributes that are worked out, ``more``; and rows that are ``joined``, by their
    relations and with columns of theirs, or all.
    """

    def __init__(
        self,
        model: type[M],
        build: Callable[..., QuerySet[M]],
        *,
        columns: Sequence[str] = (),
        more: Mapping[str, Combinable] | None = None,
        joined: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._model, self._build = model, build
        self._columns, self._more, self._joined = columns, more or {}, joined or {}

    def __call__(self, **asked: str | int) -> Iterator[M]:
        first, *others = self._parts
        begin = others[-1].place.stop if others else first.place.stop
        for row in self._rows(asked):
            made: M = first.load(row)
            for other in others:
                other.join(made, row)
            for name, value in zip(self._more, row[begin:], strict=True):
                setattr(made, name, value)
            yield made

    @cached_property
    def _parts(self) -> list[Part]:
        parts = [Part(self._model, self._columns, 0)]
        for name, columns in self._joined.items():
            relation = self._model._meta.get_field(name)  # noqa: SLF001 -- documented by Django
            parts.append(Part(cast("Any", relation.related_model), columns, parts[-1].place.stop, relation))
        return parts

    def _query(self, asked: Mapping[str, str | int]) -> QuerySet[M, Row]:
        paths = [path for part in self._parts for path in part.paths]
        return self._build(**asked).values_list(*paths, *self._more.values())

    def _rows(self, asked: Mapping[str, str | int]) -> Iterable[Row]:
        if connection.vendor != "postgresql":  # what another driver gives has to be converted, which Django does
            yield from self._query(asked)
            return
        text, order = self._compiled or self._compile(asked)
        readers = [item for part in self._parts for item in part.readers.items()]
        with connection.cursor() as cursor:
            cursor.execute(text, [asked.get(name, value) for name, value in order])
            for found in cursor.fetchall():
                row = list(found)
                for at, reader in readers:
                    row[at] = reader(row[at], None, connection)
                yield row

    _compiled: tuple[str, list[tuple[str, Any]]] | None = None

    def _compile(self, asked: Mapping[str, str | int]) -> tuple[str, list[tuple[str, Any]]]:
        """The text, and its parameters: by the name of what was asked with, or as they always are."""
        numbers = {name: FIRST_STAND_IN + at for at, name in enumerate(asked)}
        stand_ins = {name: type(asked[name])(number) for name, number in numbers.items()}
        text, parameters = self._query(stand_ins).query.sql_with_params()
        names = {stand_in: name for name, stand_in in stand_ins.items()}
        order = [(names.get(value, "") if isinstance(value, str | int) else "", value) for value in parameters]
        self._compiled = text, order
        return self._compiled
