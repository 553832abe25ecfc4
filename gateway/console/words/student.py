"""What the pages of students and of one's work say."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "students.title": ("Students", "Estudiantes"),
    "students.find": ("Name or id", "Nombre o id"),
    "students.submit": ("Find", "Buscar"),
    "students.lead": (
        "{count} members of academy {academy} are in the directory.",
        "{count} miembros de la academia {academy} están en el directorio.",
    ),
    "students.none": ("Nobody is called that.", "Nadie se llama así."),
    "students.none.lead": (
        (
            "Look for a part of a name, or for an id. The directory knows whom the LMS has told of; whoever it does "
            "not know is found by id."
        ),
        (
            "Busque parte de un nombre, o un id. El directorio conoce a quienes el LMS ha comunicado; a los demás se "
            "les encuentra por id."
        ),
    ),
    "students.caption": ("Students found", "Estudiantes encontrados"),
    "students.recent": ("Those who worked last", "Los últimos que trabajaron"),
    "work.none.any": ("No student has worked yet.", "Aún no ha trabajado ningún estudiante."),
    "students.more": ("the first {count}", "los primeros {count}"),
    "students.id": ("id", "id"),
    "work.none": (
        "Nothing is known of this student's work yet.",
        "Aún no se sabe nada del trabajo de este estudiante.",
    ),
    "work.none.lead": (
        "It appears here within a second of the first webhook that names the student and a tutorial.",
        "Aparece aquí un segundo después del primer webhook que nombre al estudiante y un tutorial.",
    ),
    "work.tutorials": ("Tutorials", "Tutoriales"),
    "work.tutorial": ("tutorial", "tutorial"),
    "work.completion": ("completion %", "completado %"),
    "work.engagement": ("engagement", "compromiso"),
    "work.frustration": ("frustration", "frustración"),
    "work.time": ("time", "tiempo"),
    "work.last": ("last there", "última vez"),
    "work.days": ("over 90 days", "en 90 días"),
    "work.legend": (
        "The lines go from 0 to 100 and have a point for each UTC day on which something changed.",
        "Las líneas van de 0 a 100 y tienen un punto por cada día UTC en que algo cambió.",
    ),
    "work.newest": (
        "Shown are the {most} worked at last, of {count}.",
        "Se muestran los {most} trabajados al final, de {count}.",
    ),
    "work.day": ("day (UTC)", "día (UTC)"),
    "work.timeline": ("Timeline", "Cronología"),
    "work.timeline.lead": (
        "The last {count} things of {all}, oldest at the left; pauses of more than ten minutes are folded (⋯).",
        "Lo último: {count} de {all}, lo más antiguo a la izquierda; las pausas de más de diez minutos se pliegan (⋯).",
    ),
    "work.session": ("(session)", "(sesión)"),
    "work.things": ("What was done, newest first", "Lo hecho, lo más reciente primero"),
    "work.when": ("when ({zone})", "cuándo ({zone})"),
    "work.what": ("what", "qué"),
    "work.step": ("step", "paso"),
    "work.result": ("result", "resultado"),
    "work.error": ("error", "error"),
    "work.took": ("took", "duró"),
    "work.code": ("exit code", "código"),
    "work.ok": ("✓ passed", "✓ bien"),
    "work.bad": ("✗ failed", "✗ falló"),
    "work.why": ("Why {score}?", "¿Por qué {score}?"),
    "work.why.lead": (
        "Each score is the sum of its terms' points; what a term can still give is the rest up to the most.",
        (
            "Cada indicador es la suma de los puntos de sus términos. Lo que a un término le falta o puede perder es "
            "el resto hasta el máximo."
        ),
    ),
    "work.why.none": (
        "There is no document to explain these scores from, or they were computed by a version that is not there.",
        "No hay documento con que explicar estos indicadores, o los calculó una versión que no está.",
    ),
    "work.why.differs": (
        "The tables have {stored}: staff set it, or something came meanwhile.",
        "Las tablas tienen {stored}: lo fijó el personal, o algo llegó entretanto.",
    ),
    "work.term": ("term", "término"),
    "work.value": ("value", "valor"),
    "work.points": ("points", "puntos"),
    "work.most": ("at most", "máximo"),
    "work.movers": ("moved by", "lo movieron"),
    "work.movers.more": ("and {count} more", "y {count} más"),
    "work.tries.one": ("1 try", "1 intento"),
    "work.tries": ("{count} tries", "{count} intentos"),
    "work.version": ("{steps} steps, algorithm {version}", "{steps} pasos, algoritmo {version}"),
    "work.open": ("timeline and why", "cronología y porqué"),
    "score.engagement": ("engagement", "compromiso"),
    "score.frustration": ("frustration", "frustración"),
    "term.total_time_on_platform": ("time on the tutorial", "tiempo en el tutorial"),
    "term.num_sessions": ("sessions", "sesiones"),
    "term.completion_rate": ("steps completed", "pasos completados"),
    "term.total_interactions": ("compilations and tests", "compilaciones y pruebas"),
    "term.steps_not_completed": ("steps not completed", "pasos sin completar"),
    "term.time_on_incomplete": ("time on steps not completed", "tiempo en pasos sin completar"),
    "term.avg_comp_struggles": ("failed compilations per step", "compilaciones fallidas por paso"),
    "term.avg_test_struggles": ("failed tests per step", "pruebas fallidas por paso"),
    "term.skipped_steps": ("steps skipped", "pasos saltados"),
    "event.open_step": ("opened", "abierto"),
    "event.complete_step": ("completed", "completado"),
    "event.ai_interaction": ("question to the tutor", "pregunta al tutor"),
    "event.start_session": ("session begun", "sesión iniciada"),
    "event.start_tutorial": ("tutorial begun", "tutorial iniciado"),
    "mark.open_step": ("opened", "abierto"),
    "mark.complete_step": ("completed", "completado"),
    "mark.compile-ok": ("compilation passed", "compilación correcta"),
    "mark.compile-bad": ("compilation failed", "compilación fallida"),
    "mark.test-ok": ("test passed", "prueba superada"),
    "mark.test-bad": ("test failed", "prueba fallida"),
    "mark.quiz-ok": ("quiz passed", "cuestionario superado"),
    "mark.quiz-bad": ("quiz failed", "cuestionario fallido"),
    "mark.ai_interaction": ("question to the tutor", "pregunta al tutor"),
    "mark.other": ("anything else", "otra cosa"),
}
