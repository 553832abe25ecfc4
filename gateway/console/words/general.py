"""What stands on every page, and on those of log-in and of errors."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "product": ("LearnPack Telemetry", "Telemetría de LearnPack"),
    "skip": ("Skip to the content", "Ir al contenido"),
    "nav": ("Pages", "Páginas"),
    "nav.overview": ("Overview", "Resumen"),
    "nav.stuck": ("Stuck now", "Atascados"),
    "nav.tutorials": ("Tutorials", "Tutoriales"),
    "nav.students": ("Students", "Estudiantes"),
    "nav.webhooks": ("Webhooks", "Webhooks"),
    "nav.rules": ("Rules", "Reglas"),
    "nav.letters": ("Dead letters", "Cartas muertas"),
    "nav.operations": ("Operations", "Operación"),
    "view": ("View", "Vista"),
    "view.language": ("Language", "Idioma"),
    "view.scheme": ("Colours", "Colores"),
    "view.scheme.auto": ("as the system", "como el sistema"),
    "view.scheme.light": ("light", "claros"),
    "view.scheme.dark": ("dark", "oscuros"),
    "view.names": ("Students", "Estudiantes"),
    "view.names.shown": ("by name", "por nombre"),
    "view.names.hidden": ("names hidden", "nombres ocultos"),
    "view.academy": ("Academy", "Academia"),
    "view.apply": ("Apply", "Aplicar"),
    "academy": ("Academy {academy}", "Academia {academy}"),
    "logout": ("Log out", "Salir"),
    "login.title": ("Log in", "Entrar"),
    "login.lead": (
        "Log in with a token that may read an academy's telemetry.",
        "Entre con un token que pueda leer la telemetría de una academia.",
    ),
    "login.token": ("Token", "Token"),
    "login.submit": ("Log in", "Entrar"),
    "login.where": (
        (
            "`up` prints one; on a cluster this line makes one. The page does not keep it; a log-in ends after eight "
            "hours of silence."
        ),
        (
            "`up` muestra uno; en un clúster lo crea esta línea. Esta página no lo guarda: la sesión termina tras ocho "
            "horas sin uso."
        ),
    ),
    "login.nothing": (
        (
            "This token may read in no academy (read_assignment) and does not operate the system (operate_telemetry). "
            "Log in with another one."
        ),
        (
            "Este token no puede leer en ninguna academia (read_assignment) ni opera el sistema (operate_telemetry). "
            "Entre con otro."
        ),
    ),
    "login.unknown": (
        "There is no such token, or it has expired. Check that all of it was pasted.",
        "No existe ese token, o ha caducado. Compruebe que lo pegó completo.",
    ),
    "login.empty": ("Paste a token.", "Pegue un token."),
    "login.over": (
        "You were logged out: the session is over, or its token was revoked. Log in again.",
        "Se cerró la sesión: terminó, o su token fue revocado. Entre de nuevo.",
    ),
    "login.link": (
        "This link was followed already or is older than ten minutes. Log in with the token that stands beside it.",
        "Este enlace ya se usó o tiene más de diez minutos. Entre con el token que aparece junto a él.",
    ),
    "error.title": ("This cannot be shown", "No se puede mostrar"),
    "error.404": ("There is no such page.", "No existe esa página."),
    "error.405": ("This page takes no such request.", "Esta página no admite esa petición."),
    "error.back": ("To the first page", "A la primera página"),
    "error.again": ("Try again", "Intentar de nuevo"),
    "error.away": (
        (
            "ClickHouse does not answer, so there are no figures now. Webhooks are taken all the same and will be "
            "in them later."
        ),
        (
            "ClickHouse no responde, así que ahora no hay cifras. Los webhooks se reciben igualmente y aparecerán más "
            "tarde."
        ),
    ),
    "error.busy": (
        "Too many questions are asked at once. Try again in a moment.",
        "Se hacen demasiadas consultas a la vez. Intente de nuevo en un momento.",
    ),
    "error.starting": (
        (
            "The gateway is starting, or Kafka does not answer. Try again in a moment; if that lasts, "
            "`learnpack-telemetry doctor` says what is wrong."
        ),
        (
            "El servicio está arrancando o Kafka no responde. Intente de nuevo en un momento; si continúa, "
            "`learnpack-telemetry doctor` dice qué falla."
        ),
    ),
    "live.on": ("live", "en vivo"),
    "live.off": ("paused", "en pausa"),
    "live.away": ("reconnecting", "reconectando"),
    "live.still": ("not live: your system asks for less motion", "sin actualizar: su sistema pide menos movimiento"),
    "live.pause": ("Pause", "Pausar"),
    "live.resume": ("Resume", "Seguir"),
    "live.gone": ("some are no longer here: tidy up", "algunos ya no están: ordenar"),
    "live.fresh": ("{count} new: show", "{count} nuevos: mostrar"),
    "list.count": ("{count} in all", "{count} en total"),
    "list.shown": ("{first} to {last} of {count}", "{first} a {last} de {count}"),
    "list.next": ("Next", "Siguiente"),
    "list.previous": ("Previous", "Anterior"),
    "list.csv": ("As CSV", "Como CSV"),
    "list.api": ("As a call", "Como llamada"),
    "list.sql": ("As a query", "Como consulta"),
    "list.filter": ("Filter", "Filtrar"),
    "list.reset": ("All", "Todos"),
    "copy": ("Copy", "Copiar"),
    "copied": ("Copied", "Copiado"),
    "wait": ("Working …", "En curso …"),
    "table": ("As a table", "Como tabla"),
    "zone": ("Times: {zone} · days of figures: UTC", "Horas: {zone} · días de las cifras: UTC"),
    "student": ("Student {id}", "Estudiante {id}"),
    "student.nobody": ("not named yet", "aún sin nombrar"),
    "verdict.received": ("received", "recibidos"),
    "verdict.stored": ("stored", "guardados"),
    "verdict.ignored": ("ignored", "ignorados"),
    "verdict.duplicate": ("repeated", "repetidos"),
    "verdict.stale": ("stale", "atrasados"),
    "verdict.error": ("error", "error"),
    "verdict.dead": ("dead", "muertos"),
    "verdict.pending": ("waiting", "en espera"),
}
