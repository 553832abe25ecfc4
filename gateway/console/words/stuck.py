"""What the page of who is stuck says."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "stuck.title": ("Stuck now", "Atascados ahora"),
    "stuck.lead": (
        "At least {failures} failures in a row in {since}, and there within {seen}; the most urgent first.",
        "Al menos {failures} fallos seguidos en {since}, y activos en {seen}; primero los más urgentes.",
    ),
    "stuck.none": ("Nobody is stuck.", "Nadie está atascado."),
    "stuck.none.lead": (
        (
            "A student appears here after {failures} failures in a row in a step that is not completed. Look further "
            "back or ask for fewer failures above."
        ),
        (
            "Un estudiante aparece aquí tras {failures} fallos seguidos en un paso sin completar. Busque más atrás o "
            "pida menos fallos arriba."
        ),
    ),
    "stuck.caption": ("Students who are stuck", "Estudiantes atascados"),
    "stuck.student": ("student", "estudiante"),
    "stuck.where": ("tutorial · step", "tutorial · paso"),
    "stuck.for": ("for", "durante"),
    "stuck.failures": ("failed in a row", "fallos seguidos"),
    "stuck.error": ("last error", "último error"),
    "stuck.questions": ("asked the tutor", "preguntas al tutor"),
    "stuck.completed": ("steps done", "pasos hechos"),
    "stuck.seen": ("last seen", "visto"),
    "stuck.urgency": ("urgency", "urgencia"),
    "stuck.filter.asset": ("Tutorial", "Tutorial"),
    "stuck.filter.cohort": ("Cohort", "Cohorte"),
    "stuck.filter.since": ("Tries in the last", "Intentos en los últimos"),
    "stuck.filter.seen": ("Seen in the last", "Vistos en los últimos"),
    "stuck.filter.failures": ("Failures at least", "Fallos al menos"),
    "stuck.filter.stuck": ("Minutes at least", "Minutos al menos"),
    "span.30m": ("30 minutes", "30 minutos"),
    "span.1h": ("1 hour", "1 hora"),
    "span.2h": ("2 hours", "2 horas"),
    "span.6h": ("6 hours", "6 horas"),
    "span.24h": ("24 hours", "24 horas"),
    "span.1d": ("1 day", "1 día"),
    "span.7d": ("7 days", "7 días"),
    "span.30d": ("30 days", "30 días"),
    "event.compile": ("compilation", "compilación"),
    "event.test": ("test", "prueba"),
    "event.quiz_submission": ("quiz", "cuestionario"),
}
