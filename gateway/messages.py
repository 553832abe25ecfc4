"""Every text that a caller of the HTTP API may read, in English and Spanish, under the slug that names it."""

from __future__ import annotations

from typing import Final

from gateway.directory_messages import DIRECTORY
from gateway.message import Message
from gateway.operator_messages import RULES_AND_LETTERS
from schemas.wire.staff import DURATION, METRICS, NUMBER, OBJECT

__all__ = ["FIELD_ERRORS", "MESSAGES", "Message"]

# In Spanish, what is wrong with a field that staff sent.
FIELD_ERRORS: Final = {
    NUMBER: "Se requiere un número válido.",
    OBJECT: "Se requiere un objeto JSON.",
    METRICS: "Se guardan como máximo 256 KiB de JSON.",
    DURATION: "La duración tiene un formato incorrecto. Use [-][D ]HH:MM:SS[.ffffff], segundos o ISO 8601.",
}

# What stands behind a point says more precisely what is wrong; the caller is told the slug before it.
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
    "body-too-large": Message(
        413,
        "The body is larger than the limit of {limit} bytes.",
        "El cuerpo supera el límite de {limit} bytes.",
    ),
    "data-unavailable": Message(
        503,
        "The data cannot be read now. Try again in {seconds} s.",
        "No se pueden leer los datos ahora. Intente de nuevo en {seconds} s.",
    ),
    "foreign-form": Message(
        403,
        "This form is not one of this session's pages. Go back, load the page again and repeat it.",
        "Este formulario no es de una página de esta sesión. Vuelva atrás, cargue la página de nuevo y repítalo.",
    ),
    "internal-error": Message(
        500,
        "Something went wrong here; it is in the gateway's log.",
        "Algo falló aquí; está en el registro del servicio.",
    ),
    "invalid-academy-id": Message(
        400,
        "The academy id must be digits.",
        "El id de la academia debe contener solo dígitos.",
    ),
    "invalid-body": Message(400, "The body must be a JSON object.", "El cuerpo debe ser un objeto JSON."),
    "invalid-capture": Message(
        400,
        "The body must be an object with `event`, a list of these, or an object with one under `batch`; not empty.",
        "El cuerpo debe ser un objeto con `event`, una lista de ellos, o un objeto con la lista en `batch`; no vacía.",
    ),
    "invalid-filter": Message(
        400,
        "`{field}` takes numbers, comma-separated; these are not: {values}.",
        "`{field}` admite números separados por comas; estos no lo son: {values}.",
    ),
    "invalid-filter.day": Message(
        400,
        "`{field}` takes a day as YYYY-MM-DD; this is none: {values}.",
        "`{field}` admite un día como AAAA-MM-DD; esto no lo es: {values}.",
    ),
    "invalid-filter.span": Message(
        400,
        "`{field}` takes a span of minutes, hours or days, such as 30m, 12h or 7d; this is none: {values}.",
        "`{field}` admite un lapso de minutos, horas o días, como 30m, 12h o 7d; esto no lo es: {values}.",
    ),
    "invalid-gzip": Message(400, "The body is not valid gzip.", "El cuerpo no es gzip válido."),
    "invalid-header": Message(
        400,
        "The header {header} must be printable ASCII of at most {limit} characters.",
        "El encabezado {header} debe ser ASCII imprimible de {limit} caracteres como máximo.",
    ),
    "invalid-json": Message(400, "The body is not valid JSON.", "El cuerpo no es JSON válido."),
    "invalid-json.lz64": Message(
        400,
        "The body is compressed as lz64, which cannot be read. Set the client to gzip or to no compression.",
        "El cuerpo está comprimido como lz64, que no se puede leer. Configure el cliente con gzip o sin compresión.",
    ),
    "invalid-sort": Message(
        400,
        "`sort` may be one of: {known}.",
        "`sort` puede ser uno de: {known}.",
    ),
    "invalid-state": Message(400, "`state` may be one of: {known}.", "`state` puede ser uno de: {known}."),
    "invalid-status": Message(
        400,
        "Only `status=ERROR` may be deleted in bulk.",
        "Solo `status=ERROR` se puede eliminar de forma masiva.",
    ),
    "invalid-token": Message(
        401,
        "The token is not valid: it is unknown, expired or revoked.",
        "El token no es válido: es desconocido, expiró o fue revocado.",
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
    "invalid-webhook-status": Message(
        400,
        "Webhook {webhook} is {status}; only one with the status ERROR may be deleted.",
        "El webhook {webhook} está en {status}; solo se puede eliminar uno en estado ERROR.",
    ),
    "json-too-deep": Message(
        400,
        "The body is nested deeper than the limit of {limit} levels.",
        "El cuerpo está anidado a más del límite de {limit} niveles.",
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
    "missing-capability.anywhere": Message(
        403,
        "This token has the capability {capability} in no academy.",
        "Este token no tiene la capacidad {capability} en ninguna academia.",
    ),
    "missing-capability.nowhere": Message(
        403,
        "This token does not have the capability {capability} for no academy; name one in which it has it.",
        "Este token no tiene la capacidad {capability} para ninguna academia; indique una en la que la tenga.",
    ),
    "missing-capability.student": Message(
        403,
        "This token does not have the capability {capability} for this student.",
        "Este token no tiene la capacidad {capability} para este estudiante.",
    ),
    "missing-status": Message(
        400,
        "Deleting in bulk needs the parameter `status=ERROR`.",
        "Eliminar de forma masiva requiere el parámetro `status=ERROR`.",
    ),
    "not-found": Message(404, "There is nothing at this address.", "No hay nada en esta dirección."),
    "not-found.slash": Message(
        404,
        "There is nothing at this address; leave out the slash that is too much: {path}",
        "No hay nada en esta dirección; quite la barra que sobra: {path}",
    ),
    "query-too-long": Message(
        414,
        "The query string is longer than the limit of {limit} bytes.",
        "La cadena de consulta supera el límite de {limit} bytes.",
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
    "too-many-questions": Message(
        503,
        "Too many figures are asked for at once. Try again in {seconds} s.",
        "Se piden demasiadas cifras a la vez. Intente de nuevo en {seconds} s.",
    ),
    "too-many-streams": Message(
        429,
        "You listen {limit} times already, and others want to as well. Try again in {seconds} s, or end one of these.",
        "Ya escucha {limit} veces, y otros también quieren. Intente de nuevo en {seconds} s, o termine una de ellas.",
    ),
    "too-many-values": Message(
        413,
        "The body holds more than the limit of {limit} objects, lists or events.",
        "El cuerpo contiene más del límite de {limit} objetos, listas o eventos.",
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
    "webhook-expired": Message(
        404,
        "Webhook {webhook} is no longer kept, nor has it told any fact: all that is kept came later.",
        "El webhook {webhook} ya no se conserva ni contó ningún hecho: todo lo que se conserva llegó después.",
    ),
    "webhook-not-found": Message(404, "There is no webhook {webhook}.", "No existe el webhook {webhook}."),
    "worker-timeout": Message(
        503,
        "The worker has not answered within {seconds} s. The command is stored and will be carried out.",
        "El proceso no respondió en {seconds} s. La orden está guardada y se ejecutará.",
    ),
    **RULES_AND_LETTERS,
    **DIRECTORY,
}
