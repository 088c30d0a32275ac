"""The attacks are real: unprotected, each shows the sign that the graded class is searched for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import hostile.attacks  # noqa: F401 - registers them
import pytest
from hostile.control import Unprotected, bubble, signs
from hostile.desk import ATTACKS, make
from hostile.pages import dangers
from hostile.world import Listeners, World, opened

REAL = [name for name, attack in ATTACKS.items() if attack.control not in ("", "shown")]
SHOWN = [name for name, attack in ATTACKS.items() if attack.control == "shown"]


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    made = Listeners(tmp_path_factory.mktemp("listeners"), "controls")
    yield made
    made.close()


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory, listeners: Listeners) -> Iterator[Unprotected]:
    if not bubble():
        pytest.skip("bwrap makes no process namespace here; without one, what an attack leaves could not be ended")
    folder = tmp_path_factory.mktemp("instructor")
    with (
        opened(folder / "world", listeners=listeners) as world,
        Unprotected(world.environment(), world.course) as process,
    ):
        yield process


@pytest.fixture
def world(tmp_path: Path, listeners: Listeners) -> Iterator[World]:
    made = World(tmp_path / "world", listeners=listeners)
    yield made
    made.victim.kill()
    made.victim.wait()


@pytest.mark.parametrize("name", REAL)
def test_unprotected_the_attack_works(name: str, world: World, unprotected: Unprotected) -> None:
    attack = ATTACKS[name]
    found, said = signs(attack, world, unprotected)
    assert attack.control in found, said


@pytest.mark.parametrize("name", SHOWN)
def test_as_stock_nbconvert_shows_it_a_page_does_what_the_student_wants(name: str, world: World) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    data = json.loads(make(ATTACKS[name], world.places))
    data["cells"] = [cell for cell in data["cells"] if world.places["EVIL"] in json.dumps(cell)][:6]  # to be quick
    for cell in data["cells"]:
        cell["outputs"] = [kept for kept in cell.get("outputs", []) if kept["output_type"] != "stream"]
        if cell["cell_type"] != "code":
            del cell["outputs"]
    page, _ = HTMLExporter().from_notebook_node(nbformat.from_dict(data))
    assert dangers(page, world.places["EVIL"])


def test_there_are_attacks_of_every_kind() -> None:
    kinds = [attack.kind for attack in ATTACKS.values()]
    assert len(kinds) >= 45
    for kind in ("gains", "reads", "changes", "reaches", "outlives", "stops", "spends", "shows", "breaks"):
        assert kinds.count(kind) >= 2, kind


@pytest.mark.parametrize("name", ["points_in_metadata", "graded_cells_exchanged", "forged_outputs"])
def test_nbgraders_own_scorer_believes_what_the_cells_say(name: str) -> None:
    import nbformat
    from nbgrader import utils

    notebook = nbformat.from_dict(json.loads(make(ATTACKS[name], {"DROP": ""})))
    scores = [utils.determine_grade(cell)[0] or 0 for cell in notebook.cells if utils.is_grade(cell)]
    assert sum(scores) >= 20
