"""As whom what a webhook's student does is kept (docs/semantics.md, "Students")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.wire.names import name_of
from schemas.wire.pseudonyms import PREFIX
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from streams.core.policy import Policy
    from streams.core.webhook import Webhook

__all__ = ["identify"]

_MADE_HERE: Final = (PREFIX, ANONYMOUS)


def identify(webhook: Webhook, policy: Policy) -> None:
    """Put an actor that names nobody to whoever reads it in place of what was sent.

    A user id that is no number, such as an e-mail address, becomes its pseudonym, and so does a notebook's name where
    the policy says so, or where it begins as the actors do that are made here: whoever may send for a notebook would
    write as another student by it. What staff's commands name is an actor already.
    """
    source, actor = webhook.headers.source, webhook.actor
    if actor is None or source == "staff":
        return
    if source == "posthog":
        if policy.hide_notebook_names or actor.startswith(_MADE_HERE):
            actor = policy.pseudonyms.actor_of(actor)
    elif webhook.user is not None:
        actor = webhook.user = policy.pseudonyms.actor_of(webhook.user)
    elif actor.startswith(ANONYMOUS):
        actor = f"{ANONYMOUS}{name_of(actor.removeprefix(ANONYMOUS))}"
    webhook.actor, webhook.student = actor, actor.encode("utf-8", "replace")
