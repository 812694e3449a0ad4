"""The campaign that ``corebound run ENTRYPOINT`` stands for: its name, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from corebound.api.errors import SpecError, UsageError
from corebound.api.names import LONGEST_NAME, campaign_name_of, check_campaign_name
from corebound.cli.run import run

DEEP = "experiments/of-this-year/with-a-long-name/vision/models/train.py:objective"


def written(*words: str) -> tuple[str, str]:
    """Name and entrypoint of the campaign that these words stand for."""
    runner = CliRunner()
    done = runner.invoke(run, [*words, "--write-yaml", "campaign.yaml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    campaign = yaml.safe_load(Path("campaign.yaml").read_text(encoding="utf-8"))
    return campaign["metadata"]["name"], campaign["spec"]["trial"]["entrypoint"]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("rate.py:objective", "rate-py-objective"),
        ("pkg.module:objective", "pkg-module-objective"),
        ("../my_code/train.py:Main", "my-code-train-py-main"),
    ],
)
def test_a_campaign_is_named_after_its_function(function: str, name: str) -> None:
    assert campaign_name_of(function) == name


def test_a_name_that_is_cut_keeps_its_end_and_is_nobody_elses() -> None:
    names = {
        campaign_name_of(DEEP),
        campaign_name_of(DEEP.replace("year", "month")),
        campaign_name_of(DEEP.replace("train", "tune")),
    }
    assert len(names) == 3
    for name in names:
        check_campaign_name(name)
        assert "py-objective-" in name
    assert campaign_name_of(DEEP) == "a-long-name-vision-models-train-py-objective-ec6c3e", "today and tomorrow"
    long = campaign_name_of(f"train.py:{'x' * 200}")
    assert len(long) == LONGEST_NAME
    check_campaign_name(long)


@pytest.mark.parametrize("function", ["größe.py:objective", "模型.py:objective", "ä.py:objective", "٣.py:objective"])
def test_letters_that_no_name_may_hold_are_left_out_and_told_apart(function: str) -> None:
    name = campaign_name_of(function)
    check_campaign_name(name)
    assert "py-objective-" in name
    assert name != campaign_name_of(function.replace(function[0], "ö"))


def test_one_file_is_one_campaign_however_its_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.py").touch()
    for spelling in ("b/train.py:f", "./b/train.py:f", "a/../b/train.py:f"):
        assert written(spelling) == ("b-train-py-f", "b/train.py:f"), spelling
        (tmp_path / "campaign.yaml").unlink()
    (tmp_path / "deep" / "inner").mkdir(parents=True)
    (tmp_path / "deep" / "b").mkdir()
    (tmp_path / "deep" / "b" / "train.py").touch()
    (tmp_path / "link").symlink_to("deep/inner")
    assert written("link/../b/train.py:f")[1] == "link/../b/train.py:f", "behind a link .. is another folder"


def test_a_name_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert written("train.py:f", "--name", "wide-net") == ("wide-net", "train.py:f")
    with pytest.raises(SpecError, match=r"metadata\.name: found 'Wide Net'"):
        written("train.py:f", "--name", "Wide Net")
    with pytest.raises(UsageError, match="--name goes with an ENTRYPOINT; with -f write it in the file"):
        CliRunner().invoke(run, ["-f", "campaign.yaml", "--name", "other"], catch_exceptions=False)
