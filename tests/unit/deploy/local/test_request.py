"""What a request says is read as ClickHouse reads it."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.request import HttpRequest, Query, read_query


def query(**parameters: str) -> Query:
    """Read a POST with these parameters in its address."""
    return request(parameters)


def request(
    parameters: dict[str, str] | None = None,
    method: str = "POST",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Query:
    """Read a request."""
    return read_query(HttpRequest(method, "/", urlencode(parameters or {}), headers or {}, body))


def test_a_parameter_is_a_setting_unless_it_has_a_meaning_of_its_own() -> None:
    """Settings, values for the statement and the interface's own parameters are kept apart."""
    read = query(query="SELECT 1", max_threads="2", param_x="y", database="d", session_id="s", wait_end_of_query="1")

    assert (read.settings, read.parameters) == ({"max_threads": "2"}, {"x": "y"})
    assert (read.statement, read.database, read.session, read.buffered) == (b"SELECT 1", "d", "s", True)


def test_only_requests_that_may_not_write_are_read_only() -> None:
    """GET and HEAD read; POST writes."""
    assert [request(method=method).read_only for method in ("GET", "HEAD", "POST", "PUT")] == [True, True, False, False]


@given(st.text(), st.text(alphabet=st.characters(exclude_characters=":")))
def test_basic_authentication_carries_any_user_and_password(password: str, user: str) -> None:
    """What stands before the first colon is the user, the rest is the password."""
    try:
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    except UnicodeEncodeError:
        return
    read = request(headers={"authorization": f"Basic {encoded}"})

    assert (read.user, read.password) == (user, password)


@pytest.mark.parametrize("header", ["Basic %%%", "Bearer abc", "Basic /w=="])
def test_another_authorization_is_refused(header: str) -> None:
    """A scheme that is not Basic, and a Basic one that cannot be read, are errors."""
    with pytest.raises(ClickHouseError) as refused:
        request(headers={"authorization": header})

    assert refused.value.code == 516


def test_two_ways_to_tell_the_user_are_refused() -> None:
    """Nobody has to guess which of two users counts."""
    with pytest.raises(ClickHouseError, match="several ways"):
        request({"user": "b"}, headers={"x-clickhouse-user": "a"})


@pytest.mark.parametrize(("value", "seconds"), [(None, 60), ("0", 0), ("3600", 3600)])
def test_sessions_last_a_minute_unless_told(value: str | None, seconds: int) -> None:
    """`session_timeout` is in seconds, an hour at most."""
    parameters = {} if value is None else {"session_timeout": value}

    assert query(**parameters).session_seconds == seconds


@pytest.mark.parametrize("value", ["3601", "-1", "x", "²"])
def test_another_timeout_is_refused(value: str) -> None:
    """A timeout that is no number of seconds is named."""
    with pytest.raises(ClickHouseError, match="Invalid session timeout"):
        query(session_timeout=value)


def test_what_the_server_does_not_have_is_refused() -> None:
    """A role is answered with an error, not ignored."""
    with pytest.raises(ClickHouseError) as refused:
        query(role="admin")

    assert refused.value.code == 48


def test_a_compressed_response_needs_the_setting_and_the_header() -> None:
    """enable_http_compression without an accepted codec, and the reverse, leave the response plain."""
    accepted = {"accept-encoding": "gzip;q=0.5, zstd, br;q=0"}

    setting = {"enable_http_compression": "1"}

    assert request(setting, headers=accepted).encoding == "zstd"
    assert request(setting, headers={"accept-encoding": "br;q=0"}).encoding == ""
    assert request(headers=accepted).encoding == ""
    assert request(setting).encoding == ""


def test_newer_drivers_get_json_as_text() -> None:
    """A driver that names its protocol gets the setting that makes columns of JSON readable, unless it has its own."""
    name = "output_format_native_write_json_as_string"

    assert query(client_protocol_version="54460").settings == {name: "1"}
    assert query(client_protocol_version="54460", **{name: "0"}).settings == {name: "0"}
    assert query(client_protocol_version="54405").settings == {}
    with pytest.raises(ClickHouseError, match="must be a number"):
        query(client_protocol_version="new")


def test_files_in_a_form_are_refused() -> None:
    """External tables are not served, and not dropped in silence."""
    boundary = "x"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--{boundary}--\r\n'
    ).encode()

    with pytest.raises(ClickHouseError, match="external tables"):
        request(body=body, headers={"content-type": f"multipart/form-data; boundary={boundary}"})
