"""What botocore raises, told in our own errors; decides nothing about what happens next."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    HTTPClientError,
    MissingDependencyException,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection

from s3magic.errors import (
    AccessDenied,
    ClockSkew,
    ExpiredCredentials,
    InvalidCredentials,
    InvalidInput,
    MissingLibrary,
    NoCredentials,
    S3MagicError,
    Unreachable,
)

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_KEY = frozenset({"InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException"})
_WRONG_SECRET = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation"})
_REFUSED_TOKEN = frozenset({"InvalidIdentityToken", "IDPRejectedClaim"})
_OF_PROCESS = ("Unsupported version", "Missing required key")
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})


def tells_of_keys(error: Exception) -> bool:
    """Tell whether a store that may have no token service still says something sure about the keys or itself.

    Where there is none, a right secret signs for the wrong service too: only an answer in STS's form tells of it.
    """
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError | NoConnection)
    sure = _EXPIRED | _UNKNOWN_KEY | _SKEWED
    return _code(error) in sure or error.response.get("Error", {}).get("Code") in _WRONG_SECRET


def translate(error: Exception, provider: str, profile: str | None) -> S3MagicError:  # noqa: C901, PLR0911 - a table in words
    """Return an error of ours that says what a provider, or the token service, ran into."""
    if isinstance(error, S3MagicError):
        return error
    if isinstance(error, ClientError):
        return _answered(error, provider)
    if isinstance(error, HTTPClientError | NoConnection):
        return Unreachable(
            f"No answer while asking who you are ({provider}): {error}", "Check the endpoint URL and the network."
        )
    if isinstance(error, SSOError | TokenRetrievalError) or type(error).__name__.startswith("Login"):
        command = "aws login" if type(error).__name__.startswith("Login") else "aws sso login"
        named = f" --profile {profile}" if profile else ""
        return ExpiredCredentials(
            f"There is no sign-in, or it has ended ({provider})", f"Run '{command}{named}', then choose again."
        )
    if isinstance(error, PartialCredentialsError):
        return InvalidCredentials(f"Half a key only ({provider}): {error}", "Set what is missing, then choose again.")
    if isinstance(error, MissingDependencyException):
        return MissingLibrary(f"A library is missing ({provider})", "Install it: pip install 'botocore[crt]'")
    if isinstance(error, CredentialRetrievalError) and error.kwargs.get("provider") == "custom-process":
        told = str(error.kwargs.get("error_msg"))
        said = f": {told}" if told.startswith(_OF_PROCESS) else ""  # else what the program said, which may be a secret
        return NoCredentials(
            f"The program that gives credentials failed ({provider}){said}", "Run it in a terminal to see why."
        )
    if isinstance(error, CredentialRetrievalError) and "Received error" in str(error):
        return Unreachable(f"No answer from the credentials endpoint ({provider})", "Is it running? Check its address.")
    if isinstance(error, ConfigParseError):
        return InvalidInput(f"The AWS configuration cannot be read: {error}", "Correct the file it names.")
    if isinstance(error, RuntimeError) and "expired" in str(error):
        return ExpiredCredentials(f"The credentials have expired ({provider})", "Renew them, then choose again.")
    if isinstance(error, FileNotFoundError):
        return NoCredentials(
            f"A file is missing ({provider}): {error.filename}", "Correct what names it, then choose again."
        )
    said = str(error) if isinstance(error, BotoCoreError) else type(error).__name__
    return NoCredentials(f"The provider failed ({provider}): {said}", "Correct its settings, or choose another.")


def _answered(error: ClientError, provider: str) -> S3MagicError:  # noqa: PLR0911 - a table in words
    code, message = _code(error), str(error)
    if code in _EXPIRED:
        return ExpiredCredentials(f"The credentials have expired ({provider})", "Renew them, then choose again.")
    if code in _SKEWED or (code in _WRONG_SECRET and "Signature expired" in message):
        return ClockSkew("This machine's clock differs too much from the server's", "Set the clock, then try again.")
    if code in _UNKNOWN_KEY:
        return InvalidCredentials(f"The access key is unknown ({provider})", "Check it, and the endpoint.")
    if code in _WRONG_SECRET:
        return InvalidCredentials(f"The secret does not fit the access key ({provider})", "Copy the secret again.")
    if code in _DENIED and error.operation_name.startswith("AssumeRole"):
        return AccessDenied(
            f"The role may not be taken on ({provider})",
            "Ask its owner to trust you, and check the role ARN and the external ID.",
        )
    if code in _REFUSED_TOKEN:
        return InvalidCredentials(f"The token is refused ({provider})", "Get a new one, then choose again.")
    if code == "ValidationError":
        said = error.response["Error"].get("Message", "")
        return InvalidInput(
            f"{error.operation_name} was asked wrongly ({provider}): {said}", "Correct it and try again."
        )
    if code in _DENIED:
        return AccessDenied(f"{error.operation_name} is not allowed ({provider})", "Ask who gave you the credentials.")
    return NoCredentials(f"{error.operation_name} failed ({provider}): {code}", "Try again, or choose another one.")


def _code(error: ClientError) -> str:
    """Return the code of an answer; a store without a token service answers in S3's form, not in STS's."""
    code: str = error.response.get("Error", {}).get("Code", "Unknown")
    return str(error.response.get("Code", code)) if code == "Unknown" else code
