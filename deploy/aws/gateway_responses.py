"""What API Gateway answers by itself, in our words: problem details with our codes (contract, "Statuses").

Separate from `openapi`, which translates what our own application says of itself: these answers never reach it. Each is
made by the function that makes the one-machine home's (`gateway.problems`), so that status, body and headers are the
same in both homes. API Gateway fills in `$context.requestId` and runs no template language here (API Gateway guide,
"x-amazon-apigateway-gateway-responses.responseTemplates").
"""

from __future__ import annotations

from typing import Any

from imagemill.errors import ImagemillError, Kind, TooLarge, Unauthenticated
from imagemill.functions.bridge import MOST_BODY
from imagemill.gateway.problems import problem_response, status_of

REQUEST_ID = "$context.requestId"
_OMITTED = (b"content-type", b"content-length", b"content-security-policy")
"""Header values are written between single quotes here, which the policy has inside; JSON with `nosniff` needs none."""


def _error(sentence: str, code: str, kind: Kind, retry_after: float | None = None) -> ImagemillError:
    return ImagemillError(sentence, code=code, kind=kind, retry_after=retry_after)


_UNAUTHENTICATED = Unauthenticated("The control API wants a key that is known here: send it as “x-api-key”.")
_AUTHORIZER = Unauthenticated(
    "The control API wants a key that is known here: send it as “Authorization: Bearer …” or “x-api-key”."
)
_REFUSED = "This caller may not do this."
_INTERNAL = "Something went wrong inside the service; its log has the details under this request id."
_AWAY = "The service did not answer; please try again."

ANSWERS: dict[str, ImagemillError] = {
    "ACCESS_DENIED": _error(_REFUSED, "refused", Kind.REFUSED),
    "API_CONFIGURATION_ERROR": _error(_INTERNAL, "internal", Kind.INTERNAL),
    "AUTHORIZER_CONFIGURATION_ERROR": _error(_INTERNAL, "internal", Kind.INTERNAL),
    "AUTHORIZER_FAILURE": _error(_AWAY, "overloaded", Kind.OVERLOADED, 1),
    "BAD_REQUEST_BODY": _error(
        "The body does not fit: a member is missing or has another type than /openapi.json says.",
        "invalid_body",
        Kind.INVALID,
    ),
    "BAD_REQUEST_PARAMETERS": _error(
        "The request has wrong parameters: one that /openapi.json requires is missing.",
        "invalid_parameters",
        Kind.INVALID,
    ),
    "DEFAULT_4XX": _error("The request cannot be understood.", "bad_request", Kind.INVALID),
    "DEFAULT_5XX": _error(_INTERNAL, "internal", Kind.INTERNAL),
    "EXPIRED_TOKEN": _error("The signature of this request has ended; sign it anew.", "expired_token", Kind.REFUSED),
    "INTEGRATION_FAILURE": _error(_AWAY, "overloaded", Kind.OVERLOADED, 1),
    "INTEGRATION_TIMEOUT": _error("The service did not answer within its time.", "too_slow", Kind.TOO_SLOW),
    "INVALID_API_KEY": _UNAUTHENTICATED,
    "INVALID_SIGNATURE": _error("The signature of this request is wrong.", "bad_signature", Kind.REFUSED),
    "MISSING_AUTHENTICATION_TOKEN": _UNAUTHENTICATED,
    "QUOTA_EXCEEDED": _error("The quota of this key is used up for now.", "quota_exceeded", Kind.TOO_MANY, 3600),
    "REQUEST_TOO_LARGE": TooLarge(  # API Gateway takes 10 MB, but Lambda 6 of what base64 makes of them
        f"At most {MOST_BODY} bytes come through here; ask POST /v1/uploads for a link to the store itself."
    ),
    "RESOURCE_NOT_FOUND": _error(
        "There is no such resource in the control API; /docs lists them.", "not_found", Kind.NOT_FOUND
    ),
    "THROTTLED": _error("Too many requests at once; please wait a moment.", "too_many_requests", Kind.TOO_MANY, 1),
    "UNAUTHORIZED": _UNAUTHENTICATED,
    "UNSUPPORTED_MEDIA_TYPE": _error(
        "A body of this type is not read here.", "unsupported_media_type", Kind.NOT_AN_IMAGE
    ),
    "WAF_FILTERED": _error("The firewall in front refuses this request.", "refused", Kind.REFUSED),
}
"""Every type of API Gateway ("Gateway response types") and what it means here."""


def gateway_responses(*, authorizer: bool) -> dict[str, Any]:
    """Return the value of `x-amazon-apigateway-gateway-responses`.

    With an `authorizer` a denial is what it finds out about the key, so it is a 401 as on one machine.
    """
    answers = dict(ANSWERS)
    if authorizer:
        answers |= dict.fromkeys(("ACCESS_DENIED", "UNAUTHORIZED", "INVALID_API_KEY"), _AUTHORIZER)
    return {name: _answer(error) for name, error in sorted(answers.items())}


def _answer(error: ImagemillError) -> dict[str, Any]:
    """Return one answer; the template is keyed by JSON, for which a client need not have asked by name."""
    _, headers, body = problem_response(error, REQUEST_ID)
    parameters = {"Content-Type": "application/problem+json"}
    parameters |= {name.decode(): value.decode() for name, value in headers if name not in _OMITTED}
    return {
        "statusCode": str(status_of(error)),
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in parameters.items()},
        "responseTemplates": {"application/json": body.decode()},
    }
