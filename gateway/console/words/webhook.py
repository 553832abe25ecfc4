"""What the log of webhooks and the way of one say."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "webhooks.title": ("Webhooks", "Webhooks"),
    "webhooks.lead": (
        "What was received for academy {academy} or about its members, newest first, for {days} days.",
        "Lo recibido para la academia {academy} o sobre sus miembros, lo más reciente primero, durante {days} días.",
    ),
    "webhooks.caption": ("Webhooks", "Webhooks"),
    "webhooks.none": ("No webhook passes these filters.", "Ningún webhook pasa estos filtros."),
    "webhooks.none.lead": (
        "Ask for another student, event or status, or for all.",
        "Pida otro estudiante, evento o estado, o todos.",
    ),
    "webhooks.id": ("webhook", "webhook"),
    "webhooks.received": ("received", "recibido"),
    "webhooks.event": ("event", "evento"),
    "webhooks.status": ("status", "estado"),
    "webhooks.text": ("what became of it", "qué pasó con él"),
    "webhooks.student": ("student", "estudiante"),
    "webhooks.asset": ("asset id", "id del recurso"),
    "webhooks.filter.student": ("Student ids", "Ids de estudiantes"),
    "webhooks.filter.event": ("Events", "Eventos"),
    "webhooks.filter.status": ("Status", "Estado"),
    "webhooks.filter.verdict": ("What became of it", "Qué pasó con él"),
    "webhooks.filter.day": ("UTC day of arrival", "Día UTC de llegada"),
    "webhooks.filter.asset_id": ("Asset ids", "Ids de recursos"),
    "webhooks.filter.id": ("Or one by its id", "O uno por su id"),
    "webhooks.filter.any": ("any", "cualquiera"),
    "webhook.title": ("Webhook {id}", "Webhook {id}"),
    "webhook.way": ("Its way", "Su recorrido"),
    "webhook.received": ("Received", "Recibido"),
    "webhook.receipt": ("receipt {receipt}, {size}", "recibo {receipt}, {size}"),
    "webhook.place": ("In the raw topic", "En el registro bruto"),
    "webhook.place.at": ("partition {partition}, offset {offset}", "partición {partition}, posición {offset}"),
    "webhook.outcome": ("Outcome", "Resultado"),
    "webhook.outcome.expired": ("Its outcome is no longer kept", "Su resultado ya no se conserva"),
    "webhook.waits": ("It is not processed yet.", "Aún no se ha procesado."),
    "webhook.waits.raw": ("Its own row is not stored yet.", "Su propia fila aún no está guardada."),
    "webhook.raw.expired": (
        "Its own row, with what it said, is no longer kept.",
        "Su propia fila, con lo que decía, ya no se conserva.",
    ),
    "webhook.facts": ("Facts that it told first", "Hechos que contó primero"),
    "webhook.facts.none": ("It told no new fact.", "No contó ningún hecho nuevo."),
    "webhook.rows": ("Rows that it is about", "Filas a las que se refiere"),
    "webhook.rows.by": ("by this webhook", "por este webhook"),
    "webhook.rows.since": ("changed since", "cambiada después"),
    "webhook.letters": ("Dead letters", "Cartas muertas"),
    "webhook.count": ("facts", "hechos"),
    "webhook.table": ("table", "tabla"),
    "webhook.changed": ("changed", "cambiada"),
    "webhook.more": ("There is more of: {kinds}.", "Hay más de: {kinds}."),
    "webhook.payload": ("Payload ({size})", "Contenido ({size})"),
    "webhook.payload.gone": ("Payload (not kept)", "Contenido (no se conserva)"),
    "webhook.payload.hidden": (
        "Not shown while names are hidden: it may hold some.",
        "No se muestra con los nombres ocultos: podría contener alguno.",
    ),
    "webhook.payload.cut": (
        "Cut here; the whole is the answer to this call.",
        "Cortado aquí; completo es la respuesta a esta llamada.",
    ),
    "status.PENDING": ("waiting", "en espera"),
    "status.DONE": ("done", "hecho"),
    "status.ERROR": ("error", "error"),
    "status.IGNORED": ("ignored", "ignorado"),
}
