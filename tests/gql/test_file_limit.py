"""The number of connections that fit into the limit on open files."""

import logging
import resource

import pytest

from gql.cli.file_limit import FileLimit, raise_file_limit


@pytest.mark.parametrize(
    ("files", "room"),
    [
        pytest.param(None, 20_000, id="any number"),
        pytest.param(1_000_000, 20_000, id="plenty"),
        pytest.param(20_000, 18_976, id="barely"),
        pytest.param(1024, 768, id="an old default"),
        pytest.param(256, 128, id="few"),
        pytest.param(64, 16, id="next to none"),
    ],
)
def test_a_reserve_of_files_is_kept(files: int | None, room: int) -> None:
    assert FileLimit(files).room(wanted=20_000) == room


def test_a_limit_below_the_wanted_connections_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for files in (None, 20_000, 256):
            FileLimit(files).warn(wanted=20_000)
    assert [record.getMessage() for record in caplog.records] == [
        "256 open files leave room for 128 connections, not 20000"
    ]


def test_the_limit_is_raised_to_the_hard_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert raise_file_limit().files == (None if hard == resource.RLIM_INFINITY else hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
