"""The images: what is in them, who runs them, how large ours is above the base."""

from __future__ import annotations

import gzip
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from ..cluster.images import archived, buildah

if TYPE_CHECKING:
    from ..cluster.images import Images

LARGEST_OPERATOR = 90_000_000
pytestmark = pytest.mark.needs("buildah")


def configuration(reference: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", reference))["OCIv1"]
    return found


def test_nothing_runs_as_root_and_labels_say_what_it_is(images: Images) -> None:
    for reference in (images.operator, images.trial):
        config = configuration(reference)["config"]
        assert config["User"] == "65532:65532"
        assert config["Labels"]["org.opencontainers.image.version"] == "0.1.0"
        names = {each.partition("=")[0] for each in config["Env"]}
        assert not {name for name in names if name.startswith(("PIP_", "SSL_"))}, "settings of the build stay outside"


def test_the_operators_layers_are_small_and_hold_no_cache(images: Images) -> None:
    below = set(configuration(images.base)["rootfs"]["diff_ids"])
    with archived(images.operator) as path, tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest"))[0]
        own, files = 0, []
        for name, digest in zip(manifest["Layers"], configuration(images.operator)["rootfs"]["diff_ids"], strict=True):
            if digest in below:
                continue
            layer = archive.extractfile(name)
            assert layer is not None
            own += len(gzip.compress(layer.read(), 6))
            layer.seek(0)
            with tarfile.open(fileobj=layer) as content:
                files += content.getnames()
    assert own <= LARGEST_OPERATOR, f"{own / 1e6:.0f} MB above the base, compressed"
    assert not [name for name in files if "/.cache/" in name or "var/lib/apt/lists/" in name]
    assert [name for name in files if "/site-packages/optuna/__pycache__/__init__" in name], "each pod would compile it"
    assert not [name for name in files if "/site-packages/torch/" in name or name.endswith("bin/gcc")]
