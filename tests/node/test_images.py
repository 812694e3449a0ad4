"""The images: what is in them, who runs them, how large ours is above the base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..cluster.images import buildah

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


def layers(reference: str, folder: Path) -> list[tuple[str, int]]:
    """Digest of the content and compressed bytes of each layer."""
    buildah("push", reference, f"oci:{folder}:pushed")
    [image] = json.loads((folder / "index.json").read_text(encoding="utf-8"))["manifests"]
    manifest = json.loads((folder / "blobs" / image["digest"].replace(":", "/")).read_text(encoding="utf-8"))
    sizes = [each["size"] for each in manifest["layers"]]
    return list(zip(configuration(reference)["rootfs"]["diff_ids"], sizes, strict=True))


def test_the_operators_layers_are_small(images: Images, tmp_path: Path) -> None:
    below = set(configuration(images.base)["rootfs"]["diff_ids"])
    own = sum(size for digest, size in layers(images.operator, tmp_path) if digest not in below)
    assert 10_000_000 < own <= LARGEST_OPERATOR, f"{own / 1e6:.0f} MB above the base, compressed"


def test_no_cache_is_left_and_bytecode_is_there(images: Images) -> None:
    container = buildah("from", images.operator).strip()
    try:
        root = Path(buildah("mount", container).strip())
        assert not (root / "root" / ".cache").exists()
        assert not list((root / "var" / "lib" / "apt" / "lists").glob("*"))
        packages = next((root / "opt" / "corebound" / "lib").glob("python3*/site-packages"))
        assert not (packages / "torch").exists()
        assert list((packages / "kopf" / "__pycache__").glob("__init__.*.pyc")), "each pod would compile it"
    finally:
        buildah("rm", container)
