"""What is refused about records of the directory, under the slug that names it."""

from __future__ import annotations

from typing import Final

from gateway.message import Message

__all__ = ["DIRECTORY"]

DIRECTORY: Final[dict[str, Message]] = {
    "body-too-large.record": Message(
        413,
        "The record is larger than the limit of {limit} bytes.",
        "El registro supera el límite de {limit} bytes.",
    ),
    "invalid-directory-record": Message(
        400,
        "The record is not valid: {reason}.",
        "El registro no es válido: {reason}.",
    ),
    "invalid-directory-record.crowded": Message(
        400,
        "More than {limit} records would have {name} for a name or translation: give it one of its own.",
        "Más de {limit} registros tendrían {name} por nombre o traducción: dele uno propio.",
    ),
    "invalid-directory-record.key": Message(
        400,
        "An ingest key can only write; leave its lists of capabilities empty.",
        "Una clave de ingesta solo puede escribir; deje vacías sus listas de capacidades.",
    ),
    "invalid-directory-record.secret": Message(
        400,
        "`{field}` has no place here: of a token only the SHA-256 is sent, as its id. Revoke it if this was one.",
        "`{field}` no va aquí: de un token solo se envía el SHA-256, como su id. Revóquelo si era uno.",
    ),
    "missing-capability.expiry": Message(
        403,
        "This token is valid until {until} UTC, so the ones that it makes need an earlier `expires_at`.",
        "Este token es válido hasta {until} UTC, así que los que crea necesitan un `expires_at` anterior.",
    ),
    "missing-capability.others": Message(
        403,
        "This token makes tokens of its own user only; one of somebody else needs {capability} too, without `Academy`.",
        "Este token solo crea tokens de su propio usuario; los de otros requieren también {capability}, sin `Academy`.",
    ),
    "missing-capability.unknown": Message(
        403,
        "The directory does not know user {user}, so adding it takes {capability} too, without `Academy`.",
        "El directorio no conoce al usuario {user}; añadirlo requiere también {capability}, sin `Academy`.",
    ),
    "missing-capability.record": Message(
        403,
        (
            "This token does not have the capability {capability} for {record}: it needs it in every academy that the "
            "record belongs to, before and after, and operate_telemetry besides for what belongs to none, shares names "
            "or translations with others', or holds more than it."
        ),
        (
            "Este token no tiene la capacidad {capability} para {record}: la necesita en cada academia del registro, "
            "antes y después, y además operate_telemetry para lo que no es de ninguna, comparte nombres o traducciones "
            "con otras o tiene más que él."
        ),
    ),
    "not-found.kind": Message(
        404,
        "The directory has no kind {kind}. Known: {known}.",
        "El directorio no tiene la clase {kind}. Conocidas: {known}.",
    ),
    "too-many-values.lines": Message(
        413,
        "The body has more than the limit of {limit} lines; send the rest in another request.",
        "El cuerpo tiene más del límite de {limit} líneas; envíe el resto en otra solicitud.",
    ),
}
