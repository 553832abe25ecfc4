"""What the pages for operators say: dead letters, and the whole system."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "letters.title": ("Dead letters", "Cartas muertas"),
    "letters.lead": (
        "Records that could not be processed, with the reason; nothing of them is lost.",
        "Registros que no se pudieron procesar, con el motivo; nada de ellos se pierde.",
    ),
    "letters.none": ("No dead letter passes these filters.", "Ninguna carta muerta pasa estos filtros."),
    "letters.none.lead": (
        "That is as it should be. Ask for `all` to see those that were sent again or given up.",
        "Así debe ser. Pida «todas» para ver las reenviadas o abandonadas.",
    ),
    "letters.groups": ("Alike", "Iguales"),
    "letters.caption": ("One by one, newest first", "Una a una, la más reciente primero"),
    "letters.id": ("letter", "carta"),
    "letters.topic": ("topic", "tema"),
    "letters.stage": ("failed at", "falló en"),
    "letters.reason": ("reason", "motivo"),
    "letters.count": ("letters", "cartas"),
    "letters.newest": ("newest", "la más reciente"),
    "letters.failed": ("failed", "falló"),
    "letters.state": ("state", "estado"),
    "letters.size": ("size", "tamaño"),
    "letters.filter.state": ("State", "Estado"),
    "letters.filter.topic": ("Topic", "Tema"),
    "letters.filter.stage": ("Stage", "Etapa"),
    "letters.filter.reason": ("Reason has", "El motivo contiene"),
    "letters.state.waiting": ("waiting", "en espera"),
    "letters.state.retried": ("sent again", "reenviada"),
    "letters.state.dropped": ("given up", "abandonada"),
    "letters.state.all": ("all", "todas"),
    "letters.retry": ("Send these again …", "Reenviar estas …"),
    "letters.sure": ("Send again?", "¿Reenviar?"),
    "letters.sure.lead": (
        (
            "{count} letters would be sent to where they came from, at most {most} at once, the oldest first. What "
            "fails again is a new dead letter."
        ),
        (
            "Se reenviarían {count} cartas a su origen, {most} a la vez como máximo, primero las más antiguas. Lo que "
            "vuelva a fallar es una carta muerta nueva."
        ),
    ),
    "letters.sure.do": ("Send {count} again", "Reenviar {count}"),
    "letters.sure.back": ("Leave them", "Dejarlas"),
    "letters.done": ("{count} letters were sent again.", "Se reenviaron {count} cartas."),
    "letters.done.dropped": ("The letter was given up.", "La carta se abandonó."),
    "letters.left": ("Left as they are: {reasons}", "Quedan como están: {reasons}"),
    "letter.title": ("Dead letter {id}", "Carta muerta {id}"),
    "letter.origin": ("Origin", "Origen"),
    "letter.origin.at": (
        "{topic}, partition {partition}, offset {offset}",
        "{topic}, partición {partition}, posición {offset}",
    ),
    "letter.line": ("line {line}", "línea {line}"),
    "letter.written": ("written", "escrita"),
    "letter.trace": ("Traceback", "Traza"),
    "letter.headers": ("Headers", "Encabezados"),
    "letter.value": ("Value", "Valor"),
    "letter.value.lead": (
        "Change it and look at what would be sent; it must stay the same student's.",
        "Cámbielo y vea qué se enviaría; debe seguir siendo del mismo estudiante.",
    ),
    "letter.value.long": (
        "It is longer than a mebibyte: only its beginning is shown, and it cannot be changed here.",
        "Supera un mebibyte: solo se muestra el principio y no se puede cambiar aquí.",
    ),
    "letter.preview": ("Preview", "Previsualizar"),
    "letter.changes": ("What would be changed", "Qué se cambiaría"),
    "letter.changes.none": ("Nothing is changed.", "No se cambia nada."),
    "letter.change": ("Send it changed", "Enviarla cambiada"),
    "letter.retry": ("Send it again as it is", "Reenviarla tal cual"),
    "letter.drop": ("Give it up …", "Abandonarla …"),
    "letter.drop.sure": (
        "It is not sent again and stays in the table, marked. This cannot be undone here.",
        "No se reenvía y queda marcada en la tabla. Aquí no se puede deshacer.",
    ),
    "letter.drop.do": ("Give it up", "Abandonarla"),
    "operations.title": ("Operations", "Operación"),
    "operations.well": ("Every part works.", "Todas las partes funcionan."),
    "operations.ill": ("These parts do not work: {names}.", "Estas partes no funcionan: {names}."),
    "operations.parts": ("Parts", "Partes"),
    "operations.part": ("part", "parte"),
    "operations.state": ("state", "estado"),
    "operations.restarts": ("restarts", "reinicios"),
    "operations.lag": ("Lag", "Retraso"),
    "operations.group": ("group", "grupo"),
    "operations.records": ("records behind", "registros por leer"),
    "operations.seconds": ("oldest waits", "el más antiguo espera"),
    "operations.partitions": ("by partition", "por partición"),
    "operations.lag.none": ("No group reads anything yet.", "Ningún grupo lee nada aún."),
    "operations.rows": ("Rows", "Filas"),
    "operations.generations": ("Generations", "Generaciones"),
    "operations.live": (
        "Generation {live} is live. Step of the last change: {step}.",
        "La generación {live} está en vivo. Paso del último cambio: {step}.",
    ),
    "operations.replay": (
        "A replay computes generation {target}.",
        "Una repetición calcula la generación {target}.",
    ),
    "operations.generation": ("generation", "generación"),
    "operations.generation.live": ("live", "en vivo"),
    "operations.generation.target": ("being computed", "en cálculo"),
    "operations.generation.previous": ("kept to go back to", "guardada para volver"),
    "operations.generation.other": ("surplus", "sobrante"),
    "operations.raw": ("raw topic", "registro bruto"),
    "operations.error": ("Last error", "Último error"),
    "operations.spool": ("Spool", "Búfer en disco"),
    "operations.spool.direct": (
        "Webhooks go to Kafka directly; {count} wait on this gateway's disk ({size}).",
        "Los webhooks van directos a Kafka; {count} esperan en el disco de este servicio ({size}).",
    ),
    "operations.spool.waits": (
        "Kafka does not take webhooks: {count} wait on this gateway's disk ({size}), the oldest for {age}.",
        (
            "Kafka no recibe webhooks: {count} esperan en el disco de este servicio ({size}), el más antiguo desde "
            "hace {age}."
        ),
    ),
    "operations.compared": ("What the last replay compared", "Qué comparó la última repetición"),
    "operations.compared.equal": ("Both generations are equal.", "Ambas generaciones son iguales."),
    "operations.compared.table": ("table", "tabla"),
    "operations.compared.live": ("rows, live", "filas, en vivo"),
    "operations.compared.new": ("rows, new", "filas, nuevas"),
    "operations.compared.different": ("different", "distintas"),
    "operations.compared.scores": (
        "{count} scores move; those that move most:",
        "Cambian {count} indicadores; los que más:",
    ),
    "operations.compared.student": ("student", "estudiante"),
    "operations.compared.change": ("change", "cambio"),
}
