"""Forms are taken from our own pages only.

A browser that is told so sends no cookie with another site's request (SameSite=Strict), says where a request comes from
(Sec-Fetch-Site, Origin), and no other site knows what stands in our forms: each alone would do.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from gateway.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.console.session import Seal, Session

__all__ = ["FIELD", "form_token", "require_own_form", "require_own_site"]

# The hidden field of every form that changes something.
FIELD: Final = "csrf"

_OWN_SITES: Final = frozenset({"same-origin", "none"})


def form_token(seal: Seal, session: Session) -> str:
    """What the forms of a session hold; that of another session is another one."""
    return seal.mark("form", session.nonce)


def require_own_form(seal: Seal, session: Session, form: Mapping[str, str]) -> None:
    """Raise ApiError 403 unless a form is one of this session."""
    given = form.get(FIELD, "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), form_token(seal, session).encode()):
        raise ApiError("foreign-form")


def require_own_site(headers: Mapping[str, str], host: str) -> None:
    """Raise ApiError 403 where a browser says that another site sends the request; `host` is ours, with its port."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        # Not the other as well: a proxy may call us by another name than the browser does.
        own = site in _OWN_SITES
    else:
        origin = headers.get("origin")
        own = origin is None or origin.partition("://")[2] == host
    if not own:
        raise ApiError("foreign-form")
