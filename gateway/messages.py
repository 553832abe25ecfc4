"""Texts about the transport itself, in English and Spanish: what schemas.messages has no reason to know."""

from __future__ import annotations

from typing import Final

from schemas.messages import Message

__all__ = ["TRANSPORT"]

TRANSPORT: Final[dict[str, Message]] = {
    "body-timeout": Message(
        408,
        "The body did not arrive within {seconds} s.",
        "El cuerpo no llegó en {seconds} s.",
    ),
    "invalid-gzip": Message(400, "The body is not valid gzip.", "El cuerpo no es gzip válido."),
    "invalid-header": Message(
        400,
        "The header {header} must be printable ASCII of at most {limit} characters.",
        "El encabezado {header} debe ser ASCII imprimible de {limit} caracteres como máximo.",
    ),
    "json-too-deep": Message(
        400,
        "The body is nested deeper than the limit of {limit} levels.",
        "El cuerpo está anidado a más del límite de {limit} niveles.",
    ),
    "query-too-long": Message(
        414,
        "The query string is longer than the limit of {limit} bytes.",
        "La cadena de consulta supera el límite de {limit} bytes.",
    ),
    "starting": Message(
        503,
        "The gateway is starting. Try again in {seconds} s.",
        "El servicio está arrancando. Intente de nuevo en {seconds} s.",
    ),
}
