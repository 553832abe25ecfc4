"""Every text that a caller of the HTTP API may read, in English and Spanish, under the slug that names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["MESSAGES", "Language", "Message", "preferred_language", "translate"]

Language = Literal["en", "es"]


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of refusal: its HTTP status and a text in each language, with `{placeholders}`."""

    status: int
    en: str
    es: str


MESSAGES: Final[dict[str, Message]] = {
    "action-not-found": Message(
        400,
        "There is no action {action}. Known: {known}.",
        "No existe la acción {action}. Conocidas: {known}.",
    ),
    "asset-not-found": Message(
        404,
        "This academy has no asset {asset}.",
        "Esta academia no tiene ningún recurso {asset}.",
    ),
    "authentication-required": Message(
        401,
        "Authentication credentials were not provided. Send `Authorization: Token <token>`.",
        "No se enviaron credenciales de autenticación. Envíe `Authorization: Token <token>`.",
    ),
    "body-too-large": Message(
        413,
        "The body is larger than the limit of {limit} bytes.",
        "El cuerpo supera el límite de {limit} bytes.",
    ),
    "invalid-academy-id": Message(
        400,
        "The academy id must be digits.",
        "El id de la academia debe contener solo dígitos.",
    ),
    "invalid-body": Message(400, "The body must be a JSON object.", "El cuerpo debe ser un objeto JSON."),
    "invalid-filter": Message(
        400,
        "`{field}` takes numbers, comma-separated; these are not: {values}.",
        "`{field}` admite números separados por comas; estos no lo son: {values}.",
    ),
    "invalid-json": Message(400, "The body is not valid JSON.", "El cuerpo no es JSON válido."),
    "invalid-status": Message(
        400,
        "Only `status=ERROR` may be deleted in bulk.",
        "Solo `status=ERROR` se puede eliminar de forma masiva.",
    ),
    "invalid-telemetry-webhook-ignore-body": Message(
        400,
        "The ignore rules must be a JSON object.",
        "Las reglas de exclusión deben ser un objeto JSON.",
    ),
    "invalid-telemetry-webhook-ignore-field": Message(
        400,
        "`{field}` must be {expected}",
        "`{field}` debe ser {expected}",
    ),
    "invalid-token": Message(
        401,
        "The token is not valid: it is unknown, expired or revoked.",
        "El token no es válido: es desconocido, expiró o fue revocado.",
    ),
    "invalid-webhook-status": Message(
        400,
        "Webhook {webhook} is {status}; only one with the status ERROR may be deleted.",
        "El webhook {webhook} está en {status}; solo se puede eliminar uno en estado ERROR.",
    ),
    "method-not-allowed": Message(
        405,
        "This address does not take this method.",
        "Esta dirección no admite este método.",
    ),
    "missing-academy": Message(
        403,
        "Missing academy: send the header `Academy: <id>` or the parameter `academy`.",
        "Falta la academia: envíe el encabezado `Academy: <id>` o el parámetro `academy`.",
    ),
    "missing-capability": Message(
        403,
        "This token does not have the capability {capability} for academy {academy}.",
        "Este token no tiene la capacidad {capability} para la academia {academy}.",
    ),
    "missing-status": Message(
        400,
        "Deleting in bulk needs the parameter `status=ERROR`.",
        "Eliminar de forma masiva requiere el parámetro `status=ERROR`.",
    ),
    "not-found": Message(404, "There is nothing at this address.", "No hay nada en esta dirección."),
    "task-not-found": Message(404, "There is no task {task}.", "No existe la tarea {task}."),
    "telemetry-not-found": Message(
        404,
        "User {user} has no telemetry for asset {asset}.",
        "El usuario {user} no tiene telemetría del recurso {asset}.",
    ),
    "too-many-requests": Message(
        429,
        "More than {limit} requests a minute came from this student or token. Try again in {seconds} s.",
        "Llegaron más de {limit} solicitudes por minuto de este estudiante o token. Intente de nuevo en {seconds} s.",
    ),
    "too-many-requests.bytes": Message(
        429,
        "More than {limit} bytes a minute came from this student or token. Try again in {seconds} s.",
        "Llegaron más de {limit} bytes por minuto de este estudiante o token. Intente de nuevo en {seconds} s.",
    ),
    "unavailable": Message(
        503,
        "The request could not be stored. Try again in {seconds} s.",
        "No se pudo guardar la solicitud. Intente de nuevo en {seconds} s.",
    ),
    "unsupported-content-encoding": Message(
        415,
        "The content encoding is not supported. Send gzip or none.",
        "La codificación del contenido no es compatible. Envíe gzip o ninguna.",
    ),
    "user-not-found": Message(404, "There is no user {user}.", "No existe el usuario {user}."),
    "webhook-not-found": Message(404, "There is no webhook {webhook}.", "No existe el webhook {webhook}."),
    "worker-timeout": Message(
        503,
        "The worker has not answered within {seconds} s. The command is stored and will be carried out.",
        "El proceso no respondió en {seconds} s. La orden está guardada y se ejecutará.",
    ),
}

# Values that are words themselves.
_WORDS: Final = {"a list": "una lista", "an object": "un objeto"}


def translate(slug: str, language: Language, /, **values: object) -> str:
    """The text of a slug in a language with its placeholders filled in.

    Raises KeyError for a slug that MESSAGES lacks and for a placeholder without a value.
    """
    message = MESSAGES[slug]
    if language == "en":
        return message.en.format(**values)
    words = {name: _WORDS.get(value, value) if isinstance(value, str) else value for name, value in values.items()}
    return message.es.format(**words)


def preferred_language(accept_language: str | None) -> Language:
    """The language that the header `Accept-Language` prefers of English and Spanish; English where it names neither."""
    best = 0.0
    language: Language = "en"
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        name, _, value = parameters.partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if not best < weight <= 1.0:
            continue
        # BreatheCode's clients call English "us".
        if primary in ("en", "us"):
            best, language = weight, "en"
        elif primary == "es":
            best, language = weight, "es"
    return language
