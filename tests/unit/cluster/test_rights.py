"""A refusal names the right that is missing, and only where a right is missing."""

from __future__ import annotations

import pytest

from corebound.api.errors import ClusterConflictError, ClusterRefusedError
from corebound.cluster.rights import needing

NO_RIGHT = 'pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "team-a"'


def test_a_missing_right_is_named_with_the_servers_own_words() -> None:
    with pytest.raises(ClusterRefusedError) as caught, needing("create", "pods", namespace="team-a"):
        raise ClusterRefusedError("no", status=403, reason="Forbidden", said=NO_RIGHT)
    assert str(caught.value).startswith(f"you lack the right to create pods in namespace team-a: {NO_RIGHT}; ask")
    assert (caught.value.status, caught.value.said) == (403, NO_RIGHT)


@pytest.mark.parametrize(
    "error",
    [
        ClusterRefusedError("no", status=401, reason="Unauthorized", said="Unauthorized"),
        ClusterRefusedError("no", status=403, reason="Forbidden", said='pods "a" is forbidden: exceeded quota: q'),
        ClusterRefusedError("no", status=403, reason="Forbidden", said='pods "a" is forbidden: violates PodSecurity'),
        ClusterConflictError("no", status=409, reason="AlreadyExists", said='pods "a" already exists'),
    ],
    ids=lambda error: f"{error.status} {error.said}",
)
def test_every_other_refusal_stays_as_it_is(error: ClusterRefusedError) -> None:
    with pytest.raises(ClusterRefusedError) as caught, needing("create", "pods", namespace="team-a"):
        raise error
    assert caught.value is error
