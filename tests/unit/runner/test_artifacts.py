"""What a trial leaves in its folder is where it should be, or the reason why not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import fsspec
import pytest

from corebound.api.errors import MissingRequirementError, UsageError
from corebound.api.loading import campaign_from_mapping
from corebound.local.artifacts import check_writable, is_url, resolved
from corebound.local.requirements import check_requirements
from corebound_trial.runner import artifacts as artifacts_module
from corebound_trial.runner.artifacts import Artifacts, Kept, found_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.api.spec import CampaignSpec


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COREBOUND_ARTIFACTS", "")
    yield


def left(artifacts: Artifacts) -> None:
    """A trial that leaves two files, a link to one, and what is no file."""
    artifacts.begin()
    folder = artifacts.folder
    (folder / "plots").mkdir()
    (folder / "plots" / "loss.txt").write_text("0.5")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("plots/loss.txt")
    (folder / "gone").symlink_to("nowhere")
    (folder / "elsewhere").symlink_to("/etc")
    os.mkfifo(folder / "pipe")


def test_files_go_to_a_path(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "scratch", keep_in=str(tmp_path / "kept" / "campaign"))
    left(artifacts)
    assert os.environ["COREBOUND_ARTIFACTS"] == str(artifacts.folder)
    seen: list[int] = []
    kept = artifacts.keep(7, on_progress=lambda: seen.append(1))
    assert kept == Kept(place=str(tmp_path / "kept" / "campaign" / "7"))
    place = tmp_path / "kept" / "campaign" / "7"
    assert found_files(place) == ["latest", "run.sh", "plots/loss.txt"]
    assert (place / "plots" / "loss.txt").read_text() == (place / "latest").read_text() == "0.5"
    assert os.access(place / "run.sh", os.X_OK)
    assert not (place / "latest").is_symlink()
    assert seen
    artifacts.begin()
    assert list(artifacts.folder.iterdir()) == []
    assert artifacts.keep(8, on_progress=lambda: None) == Kept()
    assert not (place.parent / "8").exists()


@pytest.mark.parametrize("scheme", ["memory://runs", "file://{folder}"])
def test_files_go_to_a_url(tmp_path: Path, scheme: str) -> None:
    root = scheme.format(folder=tmp_path / "kept") + "/campaign"
    artifacts = Artifacts(tmp_path / "scratch", keep_in=root)
    left(artifacts)
    assert artifacts.keep(7, on_progress=lambda: None) == Kept(place=f"{root}/7")
    system, path = fsspec.url_to_fs(f"{root}/7")
    assert sorted(name.removeprefix(path) for name in system.find(path)) == ["/latest", "/plots/loss.txt", "/run.sh"]
    assert system.cat_file(f"{path}/latest") == b"0.5"


def test_a_place_that_comes_back_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_text("in the way of the folder")
    artifacts = Artifacts(tmp_path / "scratch", keep_in=str(tmp_path / "kept"), pauses=(1.0, 5.0))
    left(artifacts)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if seconds == 5.0:
            (tmp_path / "kept").unlink()

    monkeypatch.setattr(artifacts_module.time, "sleep", wait)
    assert artifacts.keep(0, on_progress=lambda: None).place == f"{tmp_path}/kept/0"
    assert waited == [1.0, 5.0]


def test_a_place_that_stays_away_is_a_reason_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the way of the folder")
    for keep_in, said in (
        (
            str(tmp_path / "kept"),
            f"the files in COREBOUND_ARTIFACTS were not kept: {tmp_path}/kept/0: NotADirectoryError",
        ),
        ("nosuchthing://runs", "the files in COREBOUND_ARTIFACTS were not kept: nosuchthing://runs/0: ValueError"),
    ):
        artifacts = Artifacts(tmp_path / "scratch", keep_in=keep_in, pauses=(0.0, 0.0))
        left(artifacts)
        kept = artifacts.keep(0, on_progress=lambda: None)
        assert kept.place is None
        assert kept.failure is not None
        assert kept.failure.startswith(said)


def test_without_a_place_files_are_not_lost_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifacts = Artifacts(tmp_path / "scratch", keep_in=None)
    left(artifacts)
    assert artifacts.keep(0, on_progress=lambda: None) == Kept()
    assert (
        "3 files left in COREBOUND_ARTIFACTS will be deleted; spec.trial.artifacts keeps them"
        in capsys.readouterr().out
    )


def spec(**trial: object) -> CampaignSpec:
    mapping = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": "files"},
        "spec": {
            "trials": 1,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "trial": {"command": ["true"], **trial},
        },
    }
    return campaign_from_mapping(mapping).spec


def test_relative_paths_are_from_the_campaign_files_folder(tmp_path: Path) -> None:
    assert resolved("runs", folder=tmp_path) == str(tmp_path / "runs")
    assert resolved("/data/runs", folder=tmp_path) == "/data/runs"
    assert resolved("abfs://models/run1", folder=tmp_path) == "abfs://models/run1"
    assert not is_url("a:b/c")


def test_what_cannot_work_is_refused_before_anything_starts(tmp_path: Path) -> None:
    check_requirements(spec(artifacts="memory://runs"))
    check_requirements(spec(artifacts=str(tmp_path)))
    with pytest.raises(MissingRequirementError, match=r"trial\.artifacts nosuchthing://x: Protocol not known"):
        check_requirements(spec(artifacts="nosuchthing://x"))
    with pytest.raises(MissingRequirementError, match=r"trial\.artifacts abfs://x: .*adlfs"):
        check_requirements(spec(artifacts="abfs://x"))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be created: Not a directory"):
        check_writable(str(tmp_path / "file" / "runs"))
