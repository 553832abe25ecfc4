"""What is refused about ignore rules, dead letters and the whole system, under the slug that names it."""

from __future__ import annotations

from typing import Final

from gateway.message import Message
from schemas.reference.rules import TEXTS

__all__ = ["RULES_AND_LETTERS"]

RULES_AND_LETTERS: Final[dict[str, Message]] = {
    "invalid-patch": Message(400, "The patch cannot be applied: {reason}.", "No se puede aplicar el parche: {reason}."),
    "invalid-selection": Message(
        400,
        "The body has no field `{field}`. Known: {known}.",
        "El cuerpo no tiene el campo `{field}`. Conocidos: {known}.",
    ),
    "invalid-selection.flag": Message(400, "`{field}` must be true or false.", "`{field}` debe ser verdadero o falso."),
    "invalid-selection.ids": Message(
        400,
        "`{field}` must be a list of at most {limit} ids.",
        "`{field}` debe ser una lista de {limit} ids como máximo.",
    ),
    "invalid-selection.text": Message(400, "`{field}` must be a text.", "`{field}` debe ser un texto."),
    "invalid-telemetry-webhook-ignore-body": Message(
        400,
        TEXTS["invalid-telemetry-webhook-ignore-body"],
        "Las reglas de exclusión deben ser un objeto JSON.",
    ),
    "invalid-telemetry-webhook-ignore-field": Message(
        400,
        TEXTS["invalid-telemetry-webhook-ignore-field"],
        "`{field}` debe ser {expected}",
    ),
    "letter-left": Message(
        409,
        "Dead letter {letter} is left as it is: {reason}",
        "La carta muerta {letter} queda como está: {reason}",
    ),
    "letter-not-found": Message(404, "There is no dead letter {letter}.", "No existe la carta muerta {letter}."),
    "rules-busy": Message(
        503,
        "Rules are being tried already, one at a time. Try again in {seconds} s.",
        "Ya se están probando reglas, de una en una. Intente de nuevo en {seconds} s.",
    ),
    "rules-changed": Message(
        412,
        "Somebody has changed these rules since you read them, so they stay as they are. Read them again, put yours.",
        "Alguien cambió estas reglas desde que las leyó, así que quedan como están. Léalas de nuevo y envíe las suyas.",
    ),
    "system-silent": Message(
        503,
        (
            "Kafka or ClickHouse has not answered within {seconds} s. `learnpack-telemetry doctor` says which one and "
            "what to do. What was sent by then stays sent; ask for the rest again."
        ),
        (
            "Kafka o ClickHouse no respondió en {seconds} s. `learnpack-telemetry doctor` dice cuál y qué hacer. Lo "
            "que ya se envió queda enviado; pida el resto de nuevo."
        ),
    ),
}
