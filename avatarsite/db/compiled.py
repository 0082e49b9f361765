"""Django's own queries and inserts, compiled once, for the addresses that programs ask all day.

To put a query into SQL costs Django more than PostgreSQL needs to answer it (benchmarks/api.py). So the SQL of a
queryset is kept, with a place for each argument, and its rows become the instances that the queryset would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Expression, Model, QuerySet
from django.db.models.query import get_related_populators

from avatarsite.db.raw import Answer, Session

M = TypeVar("M", bound=Model)


class Given(Expression):
    """Where an argument of a compiled query goes: ``Render.objects.filter(pk=Given("render"))``."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, Any]:
        return "%s", (self,)


class Compiled(Generic[M]):
    """A queryset that is put into SQL at its first use, by each kind of database once."""

    def __init__(self, rows: Callable[[], QuerySet[M]]) -> None:
        self._rows = rows
        self._plans: dict[str, _Plan] = {}

    def all(self, **given: Any) -> list[M]:
        """The instances for these arguments, of which each is sent as it is: text, whole number or moment."""
        return self.ask(**given).all()

    def first(self, **given: Any) -> M | None:
        return self.ask(**given).first()

    def ask(self, **given: Any) -> Asked[M]:
        """As ``all``, to be read later: within ``rows.pipelined`` several are under way at once."""
        database = connections[DEFAULT_DB_ALIAS]
        plan = self._plans.get(database.vendor)
        if plan is None:
            plan = self._plans[database.vendor] = _plan_of(self._rows())
        sql = Session()
        return Asked(plan, sql.ask(plan.sql, [_bound(sql, value, given) for value in plan.parameters]))


class Asked(Generic[M]):
    """A compiled query that is under way."""

    def __init__(self, plan: _Plan, answer: Answer) -> None:
        self._plan, self._answer = plan, answer

    def all(self) -> list[M]:
        database = connections[DEFAULT_DB_ALIAS]
        return [self._plan.instance(row, database) for row in self._answer.rows()]

    def first(self) -> M | None:
        return next(iter(self.all()), None)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What Django's ModelIterable finds out anew for each query."""

    sql: str
    parameters: Sequence[Any]
    model: type[Model]
    columns: dict[str, None]  # a name is looked for in it once for each deferred column and row
    first: int
    after: int
    converters: list[tuple[int, list[Callable[[Any, Any, Any], Any]], Any]]
    related: list[Any]

    def instance(self, row: Sequence[Any], database: Any) -> Any:
        values = list(row)
        for place, convert, expression in self.converters:
            for step in convert:
                values[place] = step(values[place], expression, database)
        made = self.model.from_db(DEFAULT_DB_ALIAS, self.columns, values[self.first : self.after])
        for one in self.related:
            one.populate(values, made)
        return made


def _plan_of(rows: QuerySet[Any]) -> _Plan:
    compiler: Any = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    select, kind = compiler.select, compiler.klass_info
    places = kind["select_fields"]
    first, after = places[0], places[-1] + 1
    converters = compiler.get_converters([column for column, *_ in select])
    return _Plan(
        sql,
        parameters,
        kind["model"],
        dict.fromkeys(column.target.attname for column, *_ in select[first:after]),
        first,
        after,
        [(place, steps, expression) for place, (steps, expression) in converters.items()],
        get_related_populators(kind, select, DEFAULT_DB_ALIAS),  # type: ignore[call-arg]  # the stubs are of Django 6
    )


def _bound(sql: Session, value: Any, given: dict[str, Any]) -> Any:
    if isinstance(value, Given):
        value = given[value.name]
    return sql.stamp(value) if isinstance(value, datetime) else value


_INSERTS: dict[tuple[str, type[Model]], tuple[str, str, list[Any]]] = {}


def insert(row: M) -> M:
    """As ``row.save(force_insert=True)`` of a model without signals and without parents."""
    if row.pk is not None:
        return add(row)
    statement, key, values = _insert_of(row)
    ((row.pk,),) = Session().run(f"{statement} RETURNING {key}", values)
    return _saved(row)


def add(row: M) -> M:
    """As ``insert``, of a row whose number nobody asks for: within ``rows.pipelined`` nothing waits for it."""
    statement, _, values = _insert_of(row)
    Session().ask(statement, values)
    return _saved(row)


def _saved(row: M) -> M:
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001 -- as Django's save leaves it
    return row


def _insert_of(row: Model) -> tuple[str, str, list[Any]]:
    """The statement, the quoted name of the key, and the values."""
    database, kind = connections[DEFAULT_DB_ALIAS], type(row)
    if (database.vendor, kind) not in _INSERTS:
        _INSERTS[database.vendor, kind] = _insert_into(kind)
    statement, key, fields = _INSERTS[database.vendor, kind]
    return statement, key, [one.get_db_prep_save(one.pre_save(row, True), database) for one in fields]


def _insert_into(kind: type[Model]) -> tuple[str, str, list[Any]]:
    quote: Callable[[Any], str] = connections[DEFAULT_DB_ALIAS].ops.quote_name
    fields = [one for one in kind._meta.local_concrete_fields if not one.db_returning]  # noqa: SLF001 -- Django's own API
    key: Any = kind._meta.pk  # noqa: SLF001 -- as above
    columns, places = ", ".join(quote(one.column) for one in fields), ", ".join(["%s"] * len(fields))
    table = quote(kind._meta.db_table)  # noqa: SLF001 -- as above
    return f"INSERT INTO {table} ({columns}) VALUES ({places})", quote(key.column), fields  # noqa: S608 -- names of ours


__all__ = ["Asked", "Compiled", "Given", "add", "insert"]
