"""Errors of a bucket's client, in our words: without addresses, keys or names, because a render's history has it.

One that can't be reached is left alone for some seconds, so that nobody else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 -- botocore's own

from avatarsite.outages.breaker import Breaker
from studio.storage.types import StoreFailed

breaker = Breaker("file storage")


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raises StoreFailed, at once while the bucket is known to be away."""
    if not breaker.lets_through():
        raise StoreFailed("The bucket could not be reached a moment ago.")
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        sentence = _sentence(error)
        if isinstance(error, ConnectionError | HTTPClientError):
            breaker.trip(sentence)
        raise StoreFailed(sentence) from error
    breaker.reset()


def _sentence(error: BaseException) -> str:
    # An upload of many parts says what went wrong with one of them only by what it was handling then.
    cause = error if isinstance(error, ClientError) else error.__context__
    if isinstance(cause, ClientError):
        return f"The bucket did not take the file: {cause.response.get('Error', {}).get('Code', 'Unknown')}."
    return f"The bucket could not be reached: {type(error).__name__}."
