"""What the student reads, in English and in Spanish."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LANGUAGES", "choose_language", "text"]

_ENGLISH: Final = {
    "ask_first": "First name: ",
    "ask_last": "Last name: ",
    "name_missing": "Both first and last name are needed. Run this cell again.",
    "name_letters": "Letters only, please. Run this cell again.",
    "name_short": "The name is too short. Run this cell again.",
    "no_name": "Nobody could be asked for a name: nothing is sent from this notebook.",
    "no_host": "Your course has named no address to send to: nothing is sent from this notebook.",
    "no_key": "Your course has given no key to send with: nothing is sent from this notebook.",
    "no_thread": "This computer cannot send in the background: nothing is sent from this notebook.",
    "welcome": "Welcome, {student}!",
    "sent": (
        "Your course sees how you get on: this notebook sends your name as above, the notebook's name, which cells "
        "and exercises you run and when, whether each test passed, at which attempt, how long it took and the kind "
        "of error, and what the notebook's author records besides. {code}\n"
        "It goes to {host}. The notebook works the same without a network."
    ),
    "code_stays": "Your code, its output and your files stay here.",
    "code_goes": "The first {length} characters of your code go with it; its output and your files stay here.",
}
_SPANISH: Final = {
    "ask_first": "Nombre: ",
    "ask_last": "Apellido: ",
    "name_missing": "Hacen falta el nombre y el apellido. Ejecuta esta celda otra vez.",
    "name_letters": "Solo letras, por favor. Ejecuta esta celda otra vez.",
    "name_short": "El nombre es demasiado corto. Ejecuta esta celda otra vez.",
    "no_name": "No se pudo preguntar ningún nombre: este cuaderno no envía nada.",
    "no_host": "Tu curso no ha indicado ninguna dirección: este cuaderno no envía nada.",
    "no_key": "Tu curso no ha dado ninguna clave: este cuaderno no envía nada.",
    "no_thread": "Este equipo no puede enviar en segundo plano: este cuaderno no envía nada.",
    "welcome": "¡Hola, {student}!",
    "sent": (
        "Tu curso ve cómo avanzas: este cuaderno envía tu nombre tal como aparece arriba, el nombre del cuaderno, qué "
        "celdas y ejercicios ejecutas y cuándo, si cada prueba pasó, en qué intento, cuánto tardó y el tipo de error, "
        "y lo que el autor del cuaderno registre además. {code}\n"
        "Se envía a {host}. El cuaderno funciona igual sin conexión."
    ),
    "code_stays": "Tu código, sus resultados y tus archivos se quedan aquí.",
    "code_goes": "También van los primeros {length} caracteres de tu código; sus resultados y tus archivos se quedan "
    "aquí.",
}
LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"en": _ENGLISH, "es": _SPANISH}


def choose_language(wanted: str | None) -> str:
    """The language for `wanted` (`es`, `es-MX`, …), else for the machine's locale; English where there is no other."""
    found = wanted or next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "en")
    short = found[:2].lower()
    return short if short in LANGUAGES else "en"


def text(key: str, language: str, **values: object) -> str:
    """A text with its values filled in."""
    return LANGUAGES[language][key].format(**values)
