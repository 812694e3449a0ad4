"""An image out of buildah's storage as an OCI archive, without the layers that its reader has.

``buildah push`` reads and compresses every layer anew, gigabytes of them, even where the other side lacks one of kilobytes.
The storage has each layer as a folder of its files and, beside it, all that a tar archive has around them
(https://github.com/vbatts/tar-split): joined, they are the bytes that the manifest names. What could go wrong: a storage of
another layout (a KeyError or a missing file), or files that are no longer those of the layer, which its digest shows.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_NAME: Final = "io.containerd.image.name"
PIECE: Final = 1 << 20


def write_archive(path: Path, storage: Path, reference: str, *, without: frozenset[str]) -> None:
    """Write ``reference`` to ``path``, but no layer whose digest is in ``without``."""
    image = next(
        each for each in _read(storage, "overlay-images/images.json") if reference in (each.get("names") or ())
    )
    layers = {each["diff-digest"]: each for each in _chain(storage, image["layer"])}
    content = storage / "overlay-images" / image["id"]
    text = (content / "manifest").read_bytes()
    manifest = json.loads(text)
    told = {"mediaType": MANIFEST, "digest": _digest(text), "size": len(text), "annotations": {IMAGE_NAME: reference}}
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [told]}).encode())
        _add(archive, _blob(told["digest"]), text)
        configuration = manifest["config"]["digest"]
        _add(archive, _blob(configuration), (content / _file_of(configuration)).read_bytes())
        for digest in dict.fromkeys(each["digest"] for each in manifest["layers"]):
            if digest not in without:
                _add_layer(archive, storage, layers[digest])


def _chain(storage: Path, top: str) -> Iterator[dict[str, Any]]:
    """A layer and all below it."""
    known = {each["id"]: each for each in _read(storage, "overlay-layers/layers.json")}
    name: str | None = top
    while name:
        yield known[name]
        name = known[name].get("parent")


def _add_layer(archive: tarfile.TarFile, storage: Path, layer: dict[str, Any]) -> None:
    entry = tarfile.TarInfo(_blob(layer["diff-digest"]))
    entry.size = int(layer["diff-size"])
    joined = _Joined(_pieces(storage, layer["id"]))
    archive.addfile(entry, joined)
    assert joined.digest == layer["diff-digest"], f"the storage's layer {layer['id']} is not what it was"


class _Joined(io.RawIOBase):
    """Pieces as one file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held, self._sum = pieces, bytearray(), hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of what has been read."""
        return f"sha256:{self._sum.hexdigest()}"

    def read(self, size: int = -1) -> bytes:
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._held += piece
        found = bytes(self._held[:size])
        del self._held[:size]
        self._sum.update(found)
        return found


def _pieces(storage: Path, layer: str) -> Iterator[bytes]:
    """The bytes of a layer's archive, of which none is empty."""
    files = storage / "overlay" / layer / "diff"
    with gzip.open(storage / "overlay-layers" / f"{layer}.tar-split.gz", "rt", encoding="utf-8") as entries:
        for entry in map(json.loads, entries):
            if entry["type"] == 2:
                yield base64.b64decode(entry["payload"])
            elif entry.get("size"):
                with (files / entry["name"]).open("rb") as file:
                    while piece := file.read(PIECE):
                        yield piece


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _read(storage: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((storage / name).read_text(encoding="utf-8"))
    return found


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _file_of(key: str) -> str:
    """What the storage calls the file of a key that is no plain name."""
    return "=" + base64.b64encode(key.encode()).decode()
