"""What the sandbox answers: responses, S3's errors, and their XML; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_REASONS = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    411: "Length Required",
    412: "Precondition Failed",
    416: "Requested Range Not Satisfiable",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Slow Down",
}


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: status, headers with lower-case names, and the chunks of its body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()

    @property
    def status_line(self) -> str:
        """The status as WSGI wants it: ``404 Not Found``."""
        return f"{self.status} {_REASONS.get(self.status, 'Status')}"


class S3Failure(Exception):
    """A request S3 refuses: becomes its error XML.

    Parameters
    ----------
    status, code, message
        As the S3 API reference lists them.
    headers
        Further headers of the answer.
    fields
        Further elements of the XML, such as ``Region``.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None, **fields: str
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}
        self.fields = fields

    def response(self, *, resource: str, request_id: str) -> Response:
        """Return the error document."""
        fields = {"Code": self.code, "Message": self.message, **self.fields}
        fields |= {"Resource": resource, "RequestId": request_id}
        body = element("Error", (element(name, value) for name, value in fields.items()))
        return xml(body, status=self.status, headers=self.headers)


def denied(message: str = "Access Denied") -> S3Failure:
    """Return S3's 403 AccessDenied."""
    return S3Failure(403, "AccessDenied", message)


def xml(document: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an XML document as a response."""
    data = ('<?xml version="1.0" encoding="UTF-8"?>\n' + document).encode("utf-8", "replace")
    return Response(
        status, {"content-type": "application/xml", "content-length": str(len(data)), **(headers or {})}, (data,)
    )


def element(name: str, content: object, *, namespace: str = "") -> str:
    """Return one XML element around text, or around elements that are made already."""
    inner = "".join(content) if isinstance(content, Iterator) else _text(content)
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f"<{name}{attribute}>{inner}</{name}>"


def _text(content: object) -> str:
    text = "true" if content is True else "false" if content is False else str(content)
    return "".join(f"&#{ord(c)};" if c < " " else c for c in escape(text))
