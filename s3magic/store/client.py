"""The one HTTP client of s3magic: pooled connections, signing, retries; knows requests, not objects."""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, ProxyError, SSLError

from s3magic.errors import S3MagicError, ServerError, Unreachable
from s3magic.store.credentials import CredentialSource, Location
from s3magic.store.failures import Failure
from s3magic.store.pacing import Pace
from s3magic.store.signing import object_url, sign
from s3magic.store.sockets import PIECE, Head, Sockets
from s3magic.store.traffic import Tally, Traffic
from s3magic.store.tuning import Tuning

CONNECTIONS = 64
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_ANSWERS = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, before it has an address and a signature.

    ``repeatable=False`` keeps what may have been carried out already from being sent twice.
    """

    method: str
    bucket: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """A good answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Sends signed requests to one place; safe to use from many threads.

    Parameters
    ----------
    location
        Endpoint, region and addressing.
    credentials
        Asked before each request; it answers from memory.
    tuning
        How many requests at once, how fast, and how often again; all stores of the client share it.

    Attributes
    ----------
    location : Location
        The same.
    """

    def __init__(self, location: Location, credentials: CredentialSource, tuning: Tuning | None = None) -> None:
        self.location = location
        self._credentials = credentials
        self._tuning = tuning or Tuning()
        self._pace = Pace(self._tuning)
        self._tally = Tally(location)
        self._regions: dict[str, str] = {}
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str], Any] = {}
        self._sockets = Sockets()
        self._proxies: dict[tuple[str, str], str | None] = {}

    @property
    def traffic(self) -> Traffic:
        """What was asked and what came of it since the client was made."""
        return self._tally.read()

    def send(self, request: Request) -> Response:
        """Send a request and return its whole answer; raise the error that a bad one means."""
        with self._pace.permit():
            answer = self._follow(request, preload=True)
        self._tally.received(len(answer.data))
        return Response(answer.status, answer.headers, answer.data)

    @contextmanager
    def open(self, request: Request) -> Iterator[urllib3.BaseHTTPResponse]:
        """Send a request and hand its answer over unread.

        Left in the middle, the connection is closed; left at the end, it is kept for the next.
        """
        with self._pace.permit():
            answer = self._follow(request, preload=False)
            try:
                yield answer
            except HTTPError as error:
                raise self._unreachable(error) from error
            finally:
                if answer.length_remaining:
                    answer.close()
                answer.release_conn()

    @contextmanager
    def stream(self, request: Request) -> Iterator[tuple[Head, Iterator[memoryview]]]:
        """Send a GET and hand over its head and its body in pieces of at most 1 MiB, gone when the next is asked for.

        A body cut short raises `Unreachable`.
        """
        body = None
        with self._pace.permit():
            if self._is_plain(request):
                self._pace.begin(request.method, repeatable=True)
                body = self._sockets.begin(*self._prepare(self.location_for(request.bucket), request))
            if body is not None:
                with closing(body):
                    yield body.head, self._counted(body)
                return
            with self.open(request) as answer:
                yield _head(answer), self._counted(answer.stream(PIECE, decode_content=False))

    def _counted(self, pieces: Iterable[bytes | memoryview]) -> Iterator[memoryview]:
        try:
            for piece in pieces:
                self._tally.received(len(piece))
                with memoryview(piece) as lent:
                    yield lent
        except OSError as error:
            raise self._unreachable(error) from error

    def receive(
        self, request: Request, into: memoryview, *, begun: Callable[[Head], None], arrived: Callable[[int], None]
    ) -> None:
        """Send a GET and put its body straight into a buffer that is long enough for it.

        ``begun`` is told the head before any byte counts and may refuse by raising; ``arrived`` is
        told of the bytes as they come. A body cut short raises `Unreachable`.
        """

        def counted(size: int) -> None:
            self._tally.received(size)
            arrived(size)

        if self._receive_plainly(request, into, begun=begun, arrived=counted):
            return
        with self.open(request) as answer:
            begun(_head(answer))
            at = 0
            for piece in answer.stream(PIECE, decode_content=False):
                if at + len(piece) > len(into):
                    raise ServerError(f"The server sent more than was asked of {request.key}", "Check the endpoint.")
                into[at : at + len(piece)] = piece
                at += len(piece)
                counted(len(piece))

    def _receive_plainly(
        self, request: Request, into: memoryview, *, begun: Callable[[Head], None], arrived: Callable[[int], None]
    ) -> bool:
        """Try the short way; False when it is not open, or nothing plain came of it: then it was one try."""
        if not self._is_plain(request):
            return False
        with self._pace.permit():
            self._pace.begin(request.method, repeatable=True)
            address, headers = self._prepare(self.location_for(request.bucket), request)
            try:
                return self._sockets.receive(address, headers, into, begun=begun, arrived=arrived)
            except S3MagicError:
                raise
            except OSError as error:
                raise self._unreachable(error) from error

    def _is_plain(self, request: Request) -> bool:
        """Tell whether the short way is open: no proxy between, and another try if it fails."""
        address = urlsplit(object_url(self.location_for(request.bucket), request.bucket))
        return self._tuning.max_retries > 0 and self._proxy(address) is None

    def move(self, location: Location, credentials: CredentialSource) -> None:
        """Ask as somebody else from now on, or elsewhere."""
        with self._lock:
            self.location, self._credentials = location, credentials
            self._regions = {}
            self._tally.move(location)

    def _follow(self, request: Request, *, preload: bool) -> urllib3.BaseHTTPResponse:
        """Send to where the bucket lives; once more when AWS names another region, or the credentials just ended."""
        again = False
        while True:
            location = self.location_for(request.bucket)
            answer = self._send(location, request, preload=preload)
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return answer
            failure: Failure | None = Failure.read(answer.status, answer.headers, answer.data)
            if request.method == "HEAD" and answer.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED):
                failure = self._ask_why(location, request)
            if not again and (failure is None or failure.is_expiry):  # a refresh may have come between
                again = True
                continue
            failure = failure or Failure.read(answer.status, answer.headers, b"")
            if not failure.region or failure.region == location.region or location.endpoint_url:
                if answer.status not in _ANSWERS:
                    self._tally.failed()
                raise failure.to_error(request.method, request.bucket, request.key, request.query)
            self._regions[request.bucket] = failure.region

    def _send(self, location: Location, request: Request, *, preload: bool) -> urllib3.BaseHTTPResponse:
        """Send until an answer comes that is none of a passing fault, or the retries are used up."""
        retries = self._pace.begin(request.method, repeatable=request.repeatable)
        while True:
            answer = fault = None
            try:
                answer = self._try(location, request, preload=preload)
            except HTTPError as error:
                fault = error
            if answer and not retries.is_retry(request.method, answer.status, "retry-after" in answer.headers):
                return answer
            try:
                retries = retries.increment(request.method, request.key, response=answer, error=fault)
            except HTTPError as end:
                if answer:
                    return answer
                raise self._unreachable(end) from fault
            why = answer.status if answer else type(fault).__name__
            _log.debug("%s s3://%s/%s is sent again: %s", request.method, request.bucket, request.key, why)
            self._tally.again()
            if answer:
                answer.drain_conn()
            retries.sleep(answer)

    def _try(self, location: Location, request: Request, *, preload: bool) -> urllib3.BaseHTTPResponse:
        """Send once."""
        parts, signed = self._prepare(location, request)
        if request.method == "HEAD" and self._is_plain(request):
            if head := self._sockets.head(parts, signed):
                return urllib3.HTTPResponse(io.BytesIO(), head.headers, head.status)
            self._tally.asked(request.method, request.key)
        answer: urllib3.BaseHTTPResponse = self._pool(parts).urlopen(
            request.method,
            parts.path + (f"?{parts.query}" if parts.query else ""),
            body=request.body or None,
            headers=signed,
            retries=False,  # they are made here: counted, in a turn of their own, and signed anew
            redirect=False,
            timeout=_TIMEOUT,
            preload_content=preload,
            decode_content=False,
            assert_same_host=False,
        )
        return answer

    def _prepare(self, location: Location, request: Request) -> tuple[SplitResult, dict[str, str]]:
        """Give a request its address and its signature, and count it."""
        url = object_url(location, request.bucket, request.key, request.query)
        headers = {**request.headers, "Accept-Encoding": "identity"}
        signed = sign(location, self._credentials(), method=request.method, url=url, headers=headers, body=request.body)
        self._tally.asked(request.method, request.key, sent=len(request.body))
        return urlsplit(url), signed

    def _ask_why(self, location: Location, request: Request) -> Failure | None:
        """Learn the reason of a refused HEAD, whose answer has no body, by reading one byte."""
        why = replace(request, method="GET", headers={"Range": "bytes=0-0"})
        answer = self._send(location, why, preload=True)
        bad = answer.status >= HTTPStatus.MULTIPLE_CHOICES
        return Failure.read(answer.status, answer.headers, answer.data) if bad else None

    def location_for(self, bucket: str) -> Location:
        """Return where a bucket lives, its own region included once a request has learnt of it."""
        region = self._regions.get(bucket)
        return replace(self.location, region=region) if region else self.location

    def _pool(self, address: SplitResult) -> Any:
        proxy = self._proxy(address)
        with self._lock:
            pool = self._pools.get(address[:2])
            if pool is None:
                pool = self._pools[address[:2]] = _make_pool(address, proxy, most=self._tuning.request_concurrency)
            return pool

    def _proxy(self, address: SplitResult) -> str | None:
        """Return the proxy that the environment names for a server; it is asked once."""
        with self._lock:
            if address[:2] not in self._proxies:
                self._proxies[address[:2]] = _find_proxy(address)
            return self._proxies[address[:2]]

    def _unreachable(self, error: Exception) -> Unreachable:
        self._tally.failed()
        where = self.location.endpoint_url or f"S3 in {self.location.region}"
        reason: BaseException = getattr(error, "reason", None) or error
        if isinstance(reason, SSLError):
            return Unreachable(
                f"No safe connection to {where}", "Its certificate is not trusted; AWS_CA_BUNDLE names another."
            )
        if isinstance(reason, ProxyError):
            return Unreachable(f"The proxy does not let through to {where}", "Check HTTPS_PROXY and NO_PROXY.")
        return Unreachable(f"No answer from {where}", "Check the endpoint and the network, then try again.")


def _head(answer: urllib3.BaseHTTPResponse) -> Head:
    return Head(answer.status, {name.lower(): value for name, value in answer.headers.items()})


def _find_proxy(address: SplitResult) -> str | None:
    host = address.hostname or ""
    is_loopback = host in ("localhost", "::1") or host.startswith("127.")
    proxy = getproxies().get(address.scheme)
    return None if is_loopback or not proxy or proxy_bypass(host) else proxy


def _make_pool(address: SplitResult, proxy: str | None, *, most: int | None) -> Any:
    """Return a connection pool of its own for one host."""
    options: dict[str, Any] = {"maxsize": max(CONNECTIONS, most or 0), "block": False}
    if address.scheme == "https" and (bundle := os.environ.get("AWS_CA_BUNDLE")):
        options["ca_certs"] = bundle
    manager = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
    return manager.connection_from_host(address.hostname or "", address.port, address.scheme)
