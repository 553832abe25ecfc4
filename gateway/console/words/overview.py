"""What the overview says."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "overview.title": ("Overview", "Resumen"),
    "overview.well": (
        "Everything that was accepted is stored.",
        "Todo lo que se aceptó está guardado.",
    ),
    "overview.waits": (
        "{count} accepted webhooks are not processed yet, the oldest for {age}.",
        "{count} webhooks aceptados aún no se han procesado, el más antiguo desde hace {age}.",
    ),
    "overview.waits.long": (
        "{count} accepted webhooks are not processed yet, some from before what is shown here.",
        "{count} webhooks aceptados aún no se han procesado, algunos anteriores a lo que se muestra.",
    ),
    "overview.lost": (
        "The ledger of {day} does not add up: {count} webhooks have no outcome and do not wait.",
        "El balance del {day} no cuadra: {count} webhooks no tienen resultado ni están en espera.",
    ),
    "overview.nothing": ("Nothing has been received yet.", "Aún no se ha recibido nada."),
    "overview.waiting": ("{count} waiting", "{count} en espera"),
    "overview.newest": ("newest webhook", "último webhook"),
    "overview.quiet": ("no webhook in {span}", "ningún webhook en {span}"),
    "overview.active": ("{count} students active today (UTC)", "{count} estudiantes activos hoy (UTC)"),
    "overview.minutes": ("Received in {span}, by minute and verdict", "Recibidos en {span}, por minuto y veredicto"),
    "overview.minutes.wide": (
        "Received in {span}, by {minutes} minutes and verdict",
        "Recibidos en {span}, cada {minutes} minutos y por veredicto",
    ),
    "overview.minutes.none": ("Nothing came in {span}.", "No llegó nada en {span}."),
    "overview.minute": ("from ({zone})", "desde ({zone})"),
    "overview.span": ("How far back", "Desde cuándo"),
    "overview.ledger": ("Ledger of seven days (UTC)", "Balance de siete días (UTC)"),
    "overview.ledger.sum": (
        "received = stored + ignored + repeated + stale + error + dead + waiting",
        "recibidos = guardados + ignorados + repetidos + atrasados + error + muertos + en espera",
    ),
    "overview.day": ("day", "día"),
    "overview.difference": ("difference", "diferencia"),
    "overview.attention": ("Needs attention", "Requiere atención"),
    "overview.attention.none": ("Nothing needs you now.", "Nada requiere su atención ahora."),
    "overview.attention.stuck": ("{count} students are stuck", "{count} estudiantes están atascados"),
    "overview.attention.stuck.one": ("1 student is stuck", "1 estudiante está atascado"),
    "overview.attention.letters": (
        "{count} dead letters wait ({reasons} reasons)",
        "{count} cartas muertas esperan ({reasons} motivos)",
    ),
    "overview.attention.letters.same": (
        "{count} dead letters wait (same reason)",
        "{count} cartas muertas esperan (mismo motivo)",
    ),
    "overview.attention.letters.many": (
        "{count} dead letters wait ({reasons} reasons or more)",
        "{count} cartas muertas esperan ({reasons} motivos o más)",
    ),
    "overview.attention.letters.one": ("{count} dead letter waits", "{count} carta muerta espera"),
    "overview.attention.error.one": ("1 webhook of today ended in an error", "1 webhook de hoy terminó en error"),
    "overview.attention.dead.one": (
        "1 webhook of today could not be processed",
        "1 webhook de hoy no se pudo procesar",
    ),
    "overview.attention.error": (
        "{count} webhooks of today ended in an error",
        "{count} webhooks de hoy terminaron en error",
    ),
    "overview.attention.dead": (
        "{count} webhooks of today could not be processed",
        "{count} webhooks de hoy no se pudieron procesar",
    ),
    "overview.attention.ignored": (
        "rules of academy {academy} ignored {share} of today's webhooks ({count})",
        "las reglas de la academia {academy} ignoraron {share} de los webhooks de hoy ({count})",
    ),
    "overview.attention.spool": (
        "{count} webhooks wait on a gateway's disk, the oldest for {age}",
        "{count} webhooks esperan en el disco de un servicio, el más antiguo desde hace {age}",
    ),
    "overview.attention.lag": (
        "processing or storing is {age} behind",
        "el procesamiento o el guardado va {age} por detrás",
    ),
    "overview.first": ("Send the first webhook", "Envíe el primer webhook"),
    "overview.first.lead": (
        "Paste this line into a terminal that has sourced the system's `env` file; it shows up here within a second.",
        "Pegue esta línea en una terminal que haya cargado el archivo `env` del sistema; aparecerá aquí en un segundo.",
    ),
}
