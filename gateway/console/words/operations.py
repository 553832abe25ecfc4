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
    "letters.sure.lead.one": (
        "One letter would be sent to where it came from. If it fails again it is a new dead letter.",
        "Se reenviaría una carta a su origen. Si vuelve a fallar es una carta muerta nueva.",
    ),
    "letters.sure.asked": (
        "The worker was asked about {asked} of them, the newest: {failing} would fail again.",
        "Se preguntó al proceso por {asked} de ellas, las más nuevas: {failing} volverían a fallar.",
    ),
    "letters.sure.do": ("Send {count} again", "Reenviar {count}"),
    "letters.sure.back": ("Leave them", "Dejarlas"),
    "letters.done": ("{count} letters were sent again.", "Se reenviaron {count} cartas."),
    "letters.done.one": ("The letter was sent again.", "La carta se reenvió."),
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
    "letter.would_be": ("The worker would make of it:", "El proceso haría con ella:"),
    "letter.would_be.lead": (
        (
            "By today's rules and directory, as of a student of whom nothing is known: that it repeats another one, or "
            "came too late, only the worker finds."
        ),
        (
            "Según las reglas y el directorio de hoy, como de un estudiante del que nada se sabe: que repita otra o "
            "llegue tarde solo lo ve el proceso."
        ),
    ),
    "letter.change": ("Send it changed", "Enviarla cambiada"),
    "letter.retry": ("Send it again as it is …", "Reenviarla tal cual …"),
    "letter.retry.do": ("Send it again as it is", "Reenviarla tal cual"),
    "letter.leave": ("Leave it", "Dejarla"),
    "letter.place": ("Where in the value", "Dónde en el valor"),
    "letter.newer": ("Sent again, it failed again:", "Reenviada, volvió a fallar:"),
    "letter.became": ("What became of it is told by", "Qué pasó con ella lo dice"),
    "letter.look": ("Look whether it failed again", "Ver si volvió a fallar"),
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
    "operations.processes": ("Processes on this machine", "Procesos en esta máquina"),
    "operations.process": ("process", "proceso"),
    "operations.process.running": ("✓ runs", "✓ en marcha"),
    "operations.process.starting": ("starts", "arrancando"),
    "operations.process.ended": ("✗ has ended", "✗ terminó"),
    "operations.process.silent": ("! runs, but reads nothing", "! en marcha, pero no lee nada"),
    "operations.silent": (
        (
            "A part works while a process of it is a member of its group in Kafka. A process that is frozen, starts or "
            "was lost by Kafka runs on this machine and is no member."
        ),
        (
            "Una parte funciona mientras un proceso suyo es miembro de su grupo en Kafka. Un proceso congelado, que "
            "arranca o que Kafka perdió está en marcha en esta máquina y no es miembro."
        ),
    ),
    "operations.runs": ("runs for", "en marcha desde hace"),
    "operations.memory": ("memory", "memoria"),
    "operations.last": ("ended last", "último final"),
    "operations.lag": ("Lag", "Retraso"),
    "operations.group": ("group", "grupo"),
    "operations.records": ("records behind", "registros por leer"),
    "operations.seconds": ("oldest waits", "el más antiguo espera"),
    "operations.partitions": ("by partition", "por partición"),
    "operations.kept": ("kept for", "se guarda"),
    "operations.kept.last": ("last of each key", "el último de cada clave"),
    "operations.lag.loss": (
        "Records wait for more than half of the time that their topic keeps them: what is not read by then is gone.",
        "Hay registros que esperan más de la mitad del tiempo que su tema los guarda: lo que no se lea se perderá.",
    ),
    "operations.history": ("How long the oldest record waited, 6 h", "Cuánto esperó el registro más antiguo, 6 h"),
    "operations.history.away": ("ClickHouse does not tell of it now.", "ClickHouse no informa de ello ahora."),
    "operations.history.none": ("Nothing waited when it was measured.", "Nada esperaba en ninguna medición."),
    "operations.history.empty": (
        "Nobody has measured yet: a gateway does so every half minute. Run `learnpack-telemetry setup` if this stays.",
        "Nadie ha medido aún: un gateway lo hace cada medio minuto. Si sigue así, ejecute `learnpack-telemetry setup`.",
    ),
    "operations.history.gap": ("not measured", "sin medir"),
    "operations.history.caption": ("{count} partitions in which records waited", "{count} particiones con espera"),
    "operations.history.partition": ("partition", "partición"),
    "operations.history.most": ("longest", "máximo"),
    "operations.history.at": ("in the 5 minutes from", "en los 5 minutos desde"),
    "operations.history.steps": ("times of 5 min", "tramos de 5 min"),
    "operations.disk": ("Disk", "Disco"),
    "operations.disk.free": ("{free} of {total} are free ({share}).", "Quedan {free} de {total} ({share})."),
    "operations.disk.full": (
        "Make room: Kafka and ClickHouse stop to write when it is full.",
        "Libere espacio: Kafka y ClickHouse dejan de escribir cuando se llena.",
    ),
    "operations.disk.tables": ("ClickHouse's tables", "tablas de ClickHouse"),
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
    "operations.error.at": ("at", "cuándo"),
    "operations.error.verdict": ("what became of it", "qué pasó con él"),
    "operations.step.idle": ("done", "terminado"),
    "operations.step.catching-up": ("catching up", "poniéndose al día"),
    "operations.step.paused": ("workers wait", "los procesos esperan"),
    "operations.step.swapping": ("taking over", "tomando el relevo"),
    "operations.step.dropping": ("being dropped", "descartándose"),
    "operations.step.patching": ("students are recomputed", "recalculando estudiantes"),
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
