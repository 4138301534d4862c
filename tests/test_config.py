"""Where settings come from."""

from __future__ import annotations

import pathlib

import pytest

from numpywren._config import Config, parse_bytes, resolve


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *[
            (1, 1),
            ("1", 1),
            ("2GiB", 2**31),
            ("2 GB", 2 * 10**9),
            ("1e9", 10**9),
            ("1.5k", 1500),
            (" 512 MiB ", 2**29),
            ("7b", 7),
        ],
        ("1Ti", 2**40),
    ],
)
def test_bytes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "0", "2 XB", "1 2", "nan", "1e99", 0, -5, 2**63])
def test_bad_bytes(text):
    with pytest.raises(ValueError, match="memory_limit is"):
        parse_bytes(text)


@pytest.mark.parametrize("size", [True, 1.5, None, [1]])
def test_bytes_of_another_type(size):
    with pytest.raises(TypeError, match="memory_limit is"):
        parse_bytes(size)


def write(path: pathlib.Path, text: str) -> dict[str, str]:
    path.write_text(text)
    return {"NUMPYWREN_CONFIG": str(path)}


def test_order(tmp_path):
    environ = write(tmp_path / "c.toml", '[default]\nworkers = 3\nretain = "all"\nmemory_limit = "1GiB"\n')
    environ |= {"NUMPYWREN_WORKERS": "5", "NUMPYWREN_RETAIN": "results", "NUMPYWREN_PROGRESS": "no"}
    config = resolve(Config(workers=7), environ=environ)
    assert config == Config(workers=7, retain="results", memory_limit=2**30, progress=False)


def test_profiles(tmp_path):
    environ = write(tmp_path / "c.toml", "[default]\nworkers = 3\n[big]\nworkers = 9\n")
    assert resolve(Config(), environ=environ).workers == 3
    assert resolve(Config(), "big", environ).workers == 9
    assert resolve(Config(), environ=environ | {"NUMPYWREN_PROFILE": "big"}).workers == 9
    with pytest.raises(KeyError, match=r"no profile \[small\]"):
        resolve(Config(), "small", environ)


def test_no_settings(tmp_path):
    assert resolve(Config(), environ={"XDG_CONFIG_HOME": str(tmp_path)}) == Config()


@pytest.mark.parametrize("text", ["workers = ", "[default]\nthreads = 2\n", "default = 3\n", '[default]\nworkers = "many"\n'])
def test_bad_files(tmp_path, text):
    with pytest.raises((ValueError, TypeError)) as e:
        resolve(Config(), environ=write(tmp_path / "c.toml", text))
    assert "c.toml" in str(e.value) or "workers" in str(e.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        resolve(Config(), environ={"NUMPYWREN_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"NUMPYWREN_WORKERS": "two"}, "NUMPYWREN_WORKERS is 'two'"),
        ({"NUMPYWREN_WORKERS": "0"}, "workers is 0"),
        ({"NUMPYWREN_PROGRESS": "maybe"}, "NUMPYWREN_PROGRESS is 'maybe'"),
        ({"NUMPYWREN_RETAIN": "some"}, "retain is 'some'"),
        ({"NUMPYWREN_MEMORY_LIMIT": "lots"}, "memory_limit is 'lots'"),
    ],
)
def test_bad_environment(tmp_path, environ, message):
    with pytest.raises(ValueError, match=message):
        resolve(Config(), environ=environ | {"XDG_CONFIG_HOME": str(tmp_path)})


def test_paths_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = resolve(Config(path="a/../b", scratch="~/s"), environ={"XDG_CONFIG_HOME": str(tmp_path)})
    assert config.path == str(tmp_path / "b")
    assert config.scratch == str(pathlib.Path("~/s").expanduser())
