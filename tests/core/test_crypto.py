"""Seals open only whole, in their cell and under their key; indexes find equals and tell no more."""

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.config import InstallationSettings, KeySettings
from app.core.crypto import Cell, KeyRing, SealBroken, load_keys, new_key_file, split_key_id
from app.core.errors import SetupError
from app.core.ids import new_id
from app.core.runtime import load_key_ring

OLD, NEW, INDEX, TOKEN = (os.urandom(32) for _ in range(4))
CELL = Cell("customers", "name", new_id())


def ring(current: str = "k1", **data: bytes) -> KeyRing:
    return KeyRing(data=data or {"k1": OLD}, current=current, index_key=INDEX, token_key=TOKEN)


@given(st.text(max_size=60), st.data())
def test_one_altered_byte_breaks_the_seal(plain: str, data: st.DataObject) -> None:
    keys = ring(k1=OLD, k2=NEW)
    sealed = bytearray(keys.seal(plain, CELL))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        keys.open(bytes(sealed), CELL)


@given(st.text(min_size=1, max_size=60), st.data())
def test_a_cut_or_lengthened_seal_does_not_open(plain: str, data: st.DataObject) -> None:
    keys = ring()
    sealed = keys.seal(plain, CELL)
    cut = data.draw(st.integers(0, len(sealed) - 1))
    for altered in (sealed[:cut], sealed + b"x", sealed[cut:][1:]):
        with pytest.raises(SealBroken):
            keys.open(altered, CELL)


@given(st.binary(max_size=80))
def test_no_bytes_are_a_surprise(anything: bytes) -> None:
    with pytest.raises(SealBroken):
        ring().open(anything, CELL)


def test_a_value_is_never_sealed_twice_alike() -> None:
    keys = ring()
    assert len({keys.seal("王小明", CELL) for _ in range(100)}) == 100


def test_after_a_rotation_old_values_open_and_new_ones_carry_the_new_key() -> None:
    before = ring("k1", k1=OLD)
    sealed = before.seal("王小明", CELL)
    between = ring("k2", k1=OLD, k2=NEW)
    assert between.open(sealed, CELL) == "王小明"
    assert split_key_id(sealed)[0] == "k1"
    resealed = between.seal(between.open(sealed, CELL), CELL)
    assert split_key_id(resealed)[0] == between.current_key_id == "k2"
    after = ring("k2", k2=NEW)
    assert after.open(resealed, CELL) == "王小明"
    with pytest.raises(SealBroken, match="no key 'k1'"):
        after.open(sealed, CELL)


def test_a_key_of_the_same_name_but_another_content_opens_nothing() -> None:
    sealed = ring(k1=OLD).seal("王小明", CELL)
    with pytest.raises(SealBroken):
        ring(k1=NEW).open(sealed, CELL)


@given(st.text(max_size=30), st.text(max_size=30))
def test_indexes_are_equal_for_equals_only(one: str, other: str) -> None:
    keys = ring()
    assert (keys.blind_index("phone", one) == keys.blind_index("phone", other)) == (one == other)
    assert keys.blind_index("phone", one) != keys.blind_index("name", one)
    assert len(keys.blind_index("phone", one)) == 32
    assert keys.sign("phone", one.encode()) != keys.blind_index("phone", one)


def test_an_index_does_not_depend_on_data_keys() -> None:
    assert ring("k1", k1=OLD).blind_index("phone", "1") == ring("k2", k2=NEW).blind_index(
        "phone", "1"
    )


def written(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


def changed(**values: object) -> dict[str, object]:
    return new_key_file() | values


def test_a_fresh_key_file_is_loaded(tmp_path: Path) -> None:
    fresh = new_key_file()
    keys = load_keys(written(tmp_path, fresh))
    assert keys.current_key_id == fresh["current"]
    assert keys.open(keys.seal("王小明", CELL), CELL) == "王小明"
    assert new_key_file() != fresh


BAD_FILES: dict[str, object] = {
    "no JSON": "keys: 1",
    "a list": [1],
    "empty": {},
    "no current": changed(current=None),
    "current names nothing": changed(current="k9"),
    "current is a list": changed(current=[]),
    "no data keys": changed(data={}),
    "data is a list": changed(data=["x"]),
    "no index key": changed(index=None),
    "short key": changed(index=text_of(os.urandom(16))),
    "long key": changed(token=text_of(os.urandom(33))),
    "no base64": changed(token="王" * 44),
    "zeros": changed(token=text_of(bytes(32))),
    "a sample": changed(token=text_of(b"changeme" * 4)),
    "one key for two purposes": changed(index=text_of(INDEX), token=text_of(INDEX)),
    "data key is the index key": {
        "current": "k1",
        "data": {"k1": text_of(INDEX)},
        "index": text_of(INDEX),
        "token": text_of(TOKEN),
    },
    "nameless key": {
        "current": "",
        "data": {"": text_of(OLD)},
        "index": text_of(INDEX),
        "token": text_of(TOKEN),
    },
    "endless name": {
        "current": "k" * 256,
        "data": {"k" * 256: text_of(OLD)},
        "index": text_of(INDEX),
        "token": text_of(TOKEN),
    },
}


def says_one_sentence(refused: pytest.ExceptionInfo[SetupError]) -> None:
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_key_files_are_refused_with_the_mend(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SetupError, match=r"^Key file ") as refused:
        load_keys(written(tmp_path, BAD_FILES[kind]))
    says_one_sentence(refused)


def test_missing_and_unreadable_key_files_are_refused_with_the_mend(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SetupError, match="python -m app keys new FILE") as refused:
            load_keys(path)
        says_one_sentence(refused)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SetupError, match="cannot be read as JSON"):
        load_keys(binary)


def test_a_real_start_needs_its_own_keys_and_a_demo_has_its_own(tmp_path: Path) -> None:
    demo_file = tmp_path / "demo" / "keys.json"
    demo_file.parent.mkdir()
    demo_file.write_text(json.dumps(new_key_file()))
    own = written(tmp_path, new_key_file())
    real = InstallationSettings(var_dir=tmp_path, demo=False)
    demo = InstallationSettings(var_dir=tmp_path, demo=True)
    with pytest.raises(SetupError, match="KEYS_FILE is not set"):
        load_key_ring(real, KeySettings(keys_file=None))
    with pytest.raises(SetupError, match="demo's generated key"):
        load_key_ring(real, KeySettings(keys_file=tmp_path / "demo" / ".." / "demo" / "keys.json"))
    own_id, demo_id = (json.loads(path.read_text())["current"] for path in (own, demo_file))
    assert load_key_ring(real, KeySettings(keys_file=own)).current_key_id == own_id
    assert load_key_ring(demo, KeySettings(keys_file=None)).current_key_id == demo_id
