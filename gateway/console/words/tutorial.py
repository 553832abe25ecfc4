"""What the pages of tutorials say."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "tutorials.title": ("Tutorials", "Tutoriales"),
    "tutorials.lead": (
        "Of each, the figures of its last day; means are over all its students.",
        "De cada uno, las cifras de su último día; las medias son de todos sus estudiantes.",
    ),
    "tutorials.caption": ("Tutorials of this academy, and of none", "Tutoriales de esta academia y de ninguna"),
    "tutorials.none": ("Nothing was done in any tutorial yet.", "Aún no se hizo nada en ningún tutorial."),
    "tutorials.none.lead": (
        "A tutorial appears here once something of it was stored, within half a minute.",
        "Un tutorial aparece aquí cuando se guarda algo suyo, en medio minuto.",
    ),
    "tutorials.students": ("students", "estudiantes"),
    "tutorials.active": ("active that day", "activos ese día"),
    "tutorials.day": ("last day (UTC)", "último día (UTC)"),
    "tutorials.failed": ("failed tries that day", "intentos fallidos ese día"),
    "tutorial.translations": ("Together with its translations: {titles}.", "Junto con sus traducciones: {titles}."),
    "tutorial.hardest": ("Hardest: {steps}.", "Lo más difícil: {steps}."),
    "tutorial.hardest.step": (
        "{step} ({share} of {tries} tries fail)",
        "{step} (falla el {share} de {tries} intentos)",
    ),
    "tutorial.steps": ("Steps", "Pasos"),
    "tutorial.steps.lead": (
        "How many students opened, tried and did each step. The longest bars stand for {most} students.",
        "Cuántos estudiantes abrieron, intentaron e hicieron cada paso. Las barras más largas son {most} estudiantes.",
    ),
    "tutorial.steps.none": ("No step of it is known yet.", "Aún no se conoce ningún paso."),
    "tutorial.opened": ("opened", "abierto"),
    "tutorial.attempted": ("tried", "intentado"),
    "tutorial.completed": ("done", "hecho"),
    "tutorial.median": ("median time", "tiempo mediano"),
    "tutorial.tries": ("tries", "intentos"),
    "tutorial.failed": ("fail %", "fallan %"),
    "tutorial.first": ("failed first", "fallaron al empezar"),
    "tutorial.questions": ("questions", "preguntas"),
    "tutorial.grid": ("Students and steps", "Estudiantes y pasos"),
    "tutorial.grid.lead": (
        "✓ done, a number: so many failures while trying, ● tried, ○ opened. Those who were there last come first.",
        "✓ hecho, un número: tantos fallos al intentarlo, ● intentado, ○ abierto. Primero quienes estuvieron al final.",
    ),
    "tutorial.left_out": (
        "Shown are the steps that most students have; {count} others are left out.",
        "Se muestran los pasos que tienen más estudiantes; se omiten otros {count}.",
    ),
    "tutorial.days": ("Day by day (UTC)", "Día a día (UTC)"),
    "tutorial.days.none": ("Nothing changed in 90 days.", "Nada cambió en 90 días."),
    "tutorial.sessions": ("sessions", "sesiones"),
    "tutorial.sort": ("Sort by {column}", "Ordenar por {column}"),
}
