"""Texts about the transport itself, in English and Spanish: what schemas.wire.messages has no reason to know."""

from __future__ import annotations

from typing import Final

from schemas.wire.messages import Message
from schemas.wire.staff import DURATION, METRICS, NUMBER, OBJECT

__all__ = ["FIELD_ERRORS", "TRANSPORT"]

# In Spanish, what is wrong with a field that staff sent.
FIELD_ERRORS: Final = {
    NUMBER: "Se requiere un número válido.",
    OBJECT: "Se requiere un objeto JSON.",
    METRICS: "Se guardan como máximo 256 KiB de JSON.",
    DURATION: "La duración tiene un formato incorrecto. Use [-][D ]HH:MM:SS[.ffffff], segundos o ISO 8601.",
}

# What stands behind a point says more precisely what is wrong; the caller is told the slug before it.
TRANSPORT: Final[dict[str, Message]] = {
    "invalid-json.lz64": Message(
        400,
        "The body is compressed as lz64, which cannot be read. Set the client to gzip or to no compression.",
        "El cuerpo está comprimido como lz64, que no se puede leer. Configure el cliente con gzip o sin compresión.",
    ),
    "invalid-token.placeholder": Message(
        401,
        "{secret} stands for a key and is none: put one in its place, made by "
        "`learnpack-telemetry token create --ingest --academy ID`.",
        "{secret} representa una clave y no lo es: ponga una en su lugar, creada con "
        "`learnpack-telemetry token create --ingest --academy ID`.",
    ),
    "invalid-token.scheme": Message(
        401,
        "The header `Authorization` must be `Token <token>` or `Bearer <token>`, with one space.",
        "El encabezado `Authorization` debe ser `Token <token>` o `Bearer <token>`, con un espacio.",
    ),
    "not-found.slash": Message(
        404,
        "There is nothing at this address; leave out the slash that is too much: {path}",
        "No hay nada en esta dirección; quite la barra que sobra: {path}",
    ),
    "body-timeout": Message(
        408,
        "Nothing of the body came for {seconds} s, or too little while others waited.",
        "No llegó nada del cuerpo en {seconds} s, o demasiado poco mientras otros esperaban.",
    ),
    "body-timeout.slow": Message(
        408,
        "The body did not arrive within {seconds} s.",
        "El cuerpo no llegó en {seconds} s.",
    ),
    "invalid-capture": Message(
        400,
        "The body must be an object with `event`, a list of these, or an object with one under `batch`; not empty.",
        "El cuerpo debe ser un objeto con `event`, una lista de ellos, o un objeto con la lista en `batch`; no vacía.",
    ),
    "invalid-gzip": Message(400, "The body is not valid gzip.", "El cuerpo no es gzip válido."),
    "invalid-header": Message(
        400,
        "The header {header} must be printable ASCII of at most {limit} characters.",
        "El encabezado {header} debe ser ASCII imprimible de {limit} caracteres como máximo.",
    ),
    "data-unavailable": Message(
        503,
        "The data cannot be read now. Try again in {seconds} s.",
        "No se pueden leer los datos ahora. Intente de nuevo en {seconds} s.",
    ),
    "internal-error": Message(
        500,
        "Something went wrong here; it is in the gateway's log.",
        "Algo falló aquí; está en el registro del servicio.",
    ),
    "invalid-sort": Message(
        400,
        "`sort` may be one of: {known}.",
        "`sort` puede ser uno de: {known}.",
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
    "too-many-values": Message(
        413,
        "The body holds more than the limit of {limit} objects, lists or events.",
        "El cuerpo contiene más del límite de {limit} objetos, listas o eventos.",
    ),
    "several-keys": Message(
        400,
        "The events of one request must have the same project key.",
        "Los eventos de una solicitud deben tener la misma clave de proyecto.",
    ),
    "starting": Message(
        503,
        "The gateway is starting. Try again in {seconds} s.",
        "El servicio está arrancando. Intente de nuevo en {seconds} s.",
    ),
}
