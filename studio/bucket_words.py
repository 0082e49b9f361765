"""What a bucket's client raises, in our words: without addresses, keys or names, because a render's history has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from studio.storage import StoreFailed


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raises StoreFailed."""
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        raise StoreFailed(_sentence(error)) from error


def _sentence(error: BaseException) -> str:
    # An upload of many parts says what went wrong with one of them only by what it was handling then.
    cause = error if isinstance(error, ClientError) else error.__context__
    if isinstance(cause, ClientError):
        return f"The bucket did not take the file: {cause.response.get('Error', {}).get('Code', 'Unknown')}."
    return f"The bucket could not be reached: {type(error).__name__}."
