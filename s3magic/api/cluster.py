"""The Dask cluster of this notebook, as an executor of the standard library; starts none."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import cast

from s3magic.errors import InvalidInput, MissingLibrary


def dask_executor() -> Executor:
    """Return what hands work to the Dask client in use; whoever works there asks S3 as it finds itself allowed to.

    Raises
    ------
    MissingLibrary, InvalidInput
        When Dask's ``distributed`` is not installed, or no client was made.

    Examples
    --------
    >>> import s3magic
    >>> from s3magic.api.cluster import dask_executor
    >>> s3magic.thumbs("s3://scratch/photos/", generate=True, executor=dask_executor())  # doctest: +SKIP
    """
    try:
        from distributed import get_client
    except ModuleNotFoundError as error:
        raise MissingLibrary(
            "A Dask cluster needs the library distributed", 'Install it with: pip install "s3magic[dask]"'
        ) from error
    try:
        client = get_client()
    except ValueError:
        raise InvalidInput(
            "There is no Dask client", "Make one first: from distributed import Client; Client()"
        ) from None
    return cast("Executor", client.get_executor())  # type: ignore[no-untyped-call]
