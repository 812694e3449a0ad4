"""The names of a namespace's schema and role. Pure; what could go wrong: a name or UID that is none of Kubernetes'."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from corebound.api.errors import StorageError

LONGEST_NAME: Final = 40
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_UID: Final = re.compile(r"[0-9a-f]{8}[-0-9a-f]*")


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Where one namespace's campaigns are, and who its workers are."""

    schema: str
    role: str | None
    """None in shared mode: workers use the operator's own login."""
    namespace: str | None = None
    namespace_uid: str | None = None


def tenant_of(*, namespace: str, namespace_uid: str) -> Tenant:
    """The names for a namespace; hyphens become underscores, so that nobody has to quote them. Pure."""
    uid = namespace_uid.lower()
    if not _NAMESPACE.fullmatch(namespace) or not _UID.fullmatch(uid):
        raise StorageError(
            f"found namespace {namespace!r} with UID {namespace_uid!r}, expected the name and UID of a Kubernetes namespace"
        )
    name = f"cb_{namespace[:LONGEST_NAME].replace('-', '_')}_{uid[:8]}"
    return Tenant(schema=name, role=name, namespace=namespace, namespace_uid=uid)


def role_of(tenant: Tenant) -> str:
    """Its role. Raises :class:`StorageError` in shared mode."""
    if tenant.role is None:
        raise StorageError(f"schema {tenant.schema} is shared and has no role of its own")
    return tenant.role
