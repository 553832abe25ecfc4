"""What the page of ignore rules says."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "rules.title": ("Rules", "Reglas"),
    "rules.lead": (
        (
            "Webhooks that a rule of academy {academy} matches are kept and not processed. A rule matches where all of "
            "its fields do."
        ),
        (
            "Los webhooks que cumplen una regla de la academia {academy} se guardan y no se procesan. Una regla se "
            "cumple cuando se cumplen todos sus campos."
        ),
    ),
    "rules.now": ("In force", "En vigor"),
    "rules.draft": ("The draft", "El borrador"),
    "rules.none": ("No rules: everything is processed.", "Sin reglas: todo se procesa."),
    "rules.ignores": ("Ignores webhooks {which}.", "Ignora los webhooks {which}."),
    "rules.and": (" and ", " y "),
    "rules.nothing": (
        "A rule whose lists are empty, which matches nothing.",
        "Una regla con listas vacías: no coincide.",
    ),
    "rules.of.user_ids": ("of the students {values}", "de los estudiantes {values}"),
    "rules.of.learnpack_package_ids": ("of the packages {values}", "de los paquetes {values}"),
    "rules.of.package_slugs": ("of tutorials called {values}", "de los tutoriales llamados {values}"),
    "rules.of.asset_ids": ("of the assets {values}", "de los recursos {values}"),
    "rules.of.events": ("with the event {values}", "con el evento {values}"),
    "rules.field.user_ids": ("Student ids", "Ids de estudiantes"),
    "rules.field.learnpack_package_ids": ("Package ids", "Ids de paquetes"),
    "rules.field.package_slugs": ("Slugs", "Slugs"),
    "rules.field.asset_ids": ("Asset ids", "Ids de recursos"),
    "rules.field.events": ("Events", "Eventos"),
    "rules.edit": ("Try others", "Probar otras"),
    "rules.edit.lead": (
        "Fill in the form or the JSON, and look what it would have done; nothing changes before you save.",
        "Rellene el formulario o el JSON y vea qué habría hecho; nada cambia antes de guardar.",
    ),
    "rules.form": ("As a form", "Como formulario"),
    "rules.form.lead": (
        "Lists with commas; a row that is empty is no rule.",
        "Listas separadas por comas; una fila vacía no es una regla.",
    ),
    "rules.json": ("As JSON", "Como JSON"),
    "rules.rule": ("Rule {number}", "Regla {number}"),
    "rules.any": ("Any of (legacy)", "Cualquiera de (antiguo)"),
    "rules.since": ("On webhooks of", "Sobre webhooks de"),
    "rules.try.form": ("Try the form", "Probar el formulario"),
    "rules.try.json": ("Try the JSON", "Probar el JSON"),
    "rules.trial": (
        "In {span} this would have ignored {ignored} of {webhooks} webhooks ({share}), of {students} students.",
        "En {span} esto habría ignorado {ignored} de {webhooks} webhooks ({share}), de {students} estudiantes.",
    ),
    "rules.trial.already": (
        "Ignored already: {old} of them. New: {new}.",
        "Ya ignorados: {old} de ellos. Nuevos: {new}.",
    ),
    "rules.trial.rule": ("by rule", "por regla"),
    "rules.trial.before": ("what was made of them", "qué se hizo con ellos"),
    "rules.examples": ("Examples, the last three of each rule", "Ejemplos, los tres últimos de cada regla"),
    "rules.trial.count": ("webhooks", "webhooks"),
    "rules.trial.everything": ("It would have ignored everything.", "Lo habría ignorado todo."),
    "rules.trial.nothing": ("It would have ignored nothing.", "No habría ignorado nada."),
    "rules.trial.same": ("These are the rules in force.", "Estas son las reglas en vigor."),
    "rules.trial.empty": ("Nothing came in {span}.", "No llegó nada en {span}."),
    "rules.busy": (
        "Rules are being tried for somebody else. Try again in a moment.",
        "Se están probando reglas para otra persona. Intente de nuevo en un momento.",
    ),
    "rules.failed": (
        "The trial did not come to an end: {reason} Try it on fewer days.",
        "La prueba no terminó: {reason} Pruebe con menos días.",
    ),
    "rules.save": ("Put these rules in force", "Poner en vigor estas reglas"),
    "rules.save.not": (
        "This token may not change rules: it lacks crud_telemetry.",
        "Este token no puede cambiar reglas: le falta crud_telemetry.",
    ),
    "rules.saved": (
        "These rules are in force for what comes from now on.",
        "Estas reglas están en vigor para lo que llegue desde ahora.",
    ),
    "rules.history": ("Changes", "Cambios"),
    "rules.history.none": ("Nobody has changed the rules yet.", "Nadie ha cambiado las reglas aún."),
    "rules.history.away": ("Kafka does not tell of changes now.", "Kafka no informa de cambios ahora."),
    "rules.who": ("by whom", "por quién"),
    "rules.difference": ("What changes", "Qué cambia"),
    "rules.gone": ("no more:", "ya no:"),
    "rules.new": ("new:", "nueva:"),
    "rules.stale": (
        (
            "Somebody has changed the rules since you loaded them, so yours cannot be saved as they are. Look at what "
            "is in force now, or save to see the difference."
        ),
        (
            "Alguien cambió las reglas desde que las cargó, así que las suyas no se pueden guardar así. Vea lo que "
            "está en vigor, o guarde para ver la diferencia."
        ),
    ),
    "rules.hidden": (
        "Ids of students are not shown while names are hidden. Show names to edit rules.",
        "Los ids de estudiantes no se muestran mientras los nombres están ocultos. Muestre los nombres para editar.",
    ),
    "rules.form.not": (
        "These rules have something that a form does not show, or are too many for one: edit them as JSON.",
        "Estas reglas tienen algo que un formulario no muestra, o son demasiadas: edítelas como JSON.",
    ),
    "rules.before": ("before", "antes"),
    "rules.try.before": ("Try those before", "Probar las de antes"),
    "rules.undo": ("Undo: put the rules before back", "Deshacer: volver a las reglas anteriores"),
    "rules.changed": (
        (
            "Somebody changed the rules since you loaded them, so nothing is saved. Below is what yours would change "
            "of those in force now: look at it, and try yours again."
        ),
        (
            "Alguien cambió las reglas desde que las cargó, así que no se guardó nada. Abajo está qué cambiarían las "
            "suyas de las que están en vigor ahora: mírelo y pruebe las suyas de nuevo."
        ),
    ),
}
