"""Every lab shows what it claims: live, and as its recording. The engines with containers have files of their own."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from lab import tours

from netlib.lab import Lab
from netlib.lab.replay.recording import AIM, FILE_NAME
from netlib.lab.tour import load_tour


@pytest.mark.parametrize("engine", ["netns", "replay"])
@pytest.mark.parametrize("lab", tours.LABS)
def test_every_claim_holds(lab: str, engine: str) -> None:
    tours.check_tour(lab, engine)


@pytest.mark.parametrize("lab", tours.LABS)
def test_recording_is_of_this_topology_and_small(lab: str) -> None:
    path = tours.ROOT / "labs" / lab / FILE_NAME
    assert path.is_file(), f"do: netlib lab record {lab}"
    assert path.stat().st_size <= AIM
    with Lab(path.parent, engine="replay") as replayed:
        assert "changed" not in replayed.badge, f"the topology has changed; do: netlib lab record {lab}"


@pytest.mark.parametrize("lab", tours.LABS)
def test_lab_is_complete(lab: str) -> None:
    """A title and a drawing in the topology, a page, and a tour whose claims are sentences that are told apart."""
    folder = tours.ROOT / "labs" / lab
    lines = (folder / "topology.clab.yml").read_text(encoding="utf-8").splitlines()
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    assert lines[0].startswith("# ") and len(lines[0]) > 20, "the first line says what the lab shows"
    assert any("--" in line for line in comments), "a drawing follows"
    assert Lab(folder).name == lab, "the lab is named as its folder"
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# ") and (f"netlib lab up {lab}" in page or f'Lab("{lab}")' in page)
    sentences = [each.sentence for each in load_tour(str(folder))]
    assert sentences and len(set(sentences)) == len(sentences)
    assert all(" " in sentence and not sentence.endswith(".") for sentence in sentences), sentences


TOPOLOGY = "name: x\ntopology:\n  nodes:\n    a: {kind: linux, image: none, network-mode: none}\n"


@pytest.mark.usefixtures("labs_work")
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("assert False, 'it is not so'", "NO .*it is not so"),
        ("skip('no time')", "-- .*no time"),
        ("raise LabError('cannot')", "NO .*cannot"),
        ("skip('this kernel has no bridges')", None),
        ("return 'seen'", None),
    ],
)
def test_claim_that_does_not_hold_fails_the_tour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, complaint: str | None
) -> None:
    folder = tmp_path / "labs" / "x"
    folder.mkdir(parents=True)
    (folder / "topology.clab.yml").write_text(TOPOLOGY)
    head = "from netlib.lab import LabError\nfrom netlib.lab.tour import claim, skip\n"
    other = "@claim('Another')\ndef other(lab):\n    return 'seen'\n"
    (folder / "tour.py").write_text(f"{head}@claim('One')\ndef one(lab):\n    {body}\n{other}")
    monkeypatch.setattr(tours, "ROOT", tmp_path)
    if complaint is None:
        tours.check_tour("x", "netns")
    else:
        with pytest.raises(AssertionError, match=rf"(?s)x on netns:.*{complaint}"):
            tours.check_tour("x", "netns")
