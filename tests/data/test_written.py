from __future__ import annotations

from pathlib import Path

import pytest

from instructuie.data.mixture import Mixture, MixtureConfig
from instructuie.data.written import read_all_written, read_written
from instructuie.errors import ConfigError, DataError
from tests.tiny import prepared, small_sets

TEXTS = Path(__file__).parents[2] / "training_texts"
GOOD = """\
# A comment.
entities: person, firm
relations: works for
events: hiring(employer; new employee), strike

[Ann](person) told [Bolt](firm) that Ann Lee of [Bolt](firm) was hired.
relation: Ann Lee | works for | Bolt#2
event: hiring | was hired | employer=Bolt | new employee=Ann Lee

Nothing here.
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "news.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_a_schema_and_its_texts(tmp_path: Path) -> None:
    file = read_written(written(tmp_path, GOOD))
    assert file.inventory.tasks == ("NER", "RE", "EE")
    assert file.inventory.events == {"hiring": ("employer", "new employee"), "strike": ()}
    first, second = file.records
    first.check()
    assert first.text == "Ann told Bolt that Ann Lee of Bolt was hired."
    assert [e.mention.text for e in first.gold.entities] == ["Ann", "Bolt", "Bolt"]
    relation = first.gold.relations[0]
    assert relation.head.span is not None
    assert relation.head.span.start == 19
    assert relation.tail.span is not None
    assert relation.tail.span.start == first.text.rindex("Bolt")
    event = first.gold.events[0]
    assert [(a.role, a.mention.text) for a in event.arguments] == [
        ("employer", "Bolt"),
        ("new employee", "Ann Lee"),
    ]
    assert event.arguments[0].mention.span == first.gold.entities[1].mention.span
    assert second.text == "Nothing here."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("relations: works for", "relation: works for", r"news.txt:3: expected one line each"),
        ("[Bolt](firm) that", "[Bolt](company) that", r"news.txt:6: 'company' is no entity label"),
        ("[Ann](person)", "[[Ann](person)]", r"news.txt:6: a bracket is left over"),
        ("| works for |", "| likes |", r"news.txt:7: 'likes' is no relation label"),
        ("Bolt#2", "Bolt#3", r"news.txt:7: the words 'Bolt#3' do not stand in the text"),
        ("Ann Lee | works for | Bolt#2", "Ann Lee | Bolt", r"news.txt:7: expected `relation: head"),
        ("employer=Bolt", "boss=Bolt", r"news.txt:8: 'boss' is no role label"),
    ],
)
def test_what_breaks_the_format_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_written(written(tmp_path, GOOD.replace(old, new)))


def test_empty_and_missing_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        read_written(written(tmp_path, "\n"))
    with pytest.raises(DataError, match="cannot be read"):
        read_written(tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"no \.txt file"):
        read_all_written(tmp_path / "nowhere")


def test_a_mixture_gives_the_texts_their_share(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    written(folder, GOOD)
    (folder / "dev-more.txt").write_text(GOOD, encoding="utf-8")
    data = prepared(tmp_path, small_sets())
    config = MixtureConfig(written=str(folder), written_share=0.25)
    shares = Mixture(data, config, seed=1).shares
    ours = {name: share for name, share in shares.items() if name.startswith("written/")}
    assert sorted(ours) == [f"written/texts/news/{task}" for task in ("EE", "NER", "RE")]
    assert sum(ours.values()) == pytest.approx(0.25)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_leaves_nothing_for_the_rest_is_refused(tmp_path: Path, share: float) -> None:
    config = MixtureConfig(written=str(written(tmp_path, GOOD).parent), written_share=share)
    with pytest.raises(ConfigError, match=f"written_share is {share}, expected"):
        Mixture(prepared(tmp_path, small_sets()), config, seed=1)


def test_the_texts_of_the_project_keep_to_the_format() -> None:
    files = read_all_written(TEXTS)
    assert len({file.name for file in files}) == len(files)
    for file in files:
        for record in file.records:
            record.check()
