"""What is said of an error that comes from a server; loaded when there is one, for the libraries load long."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError
from httpx import HTTPError, RequestError, TransportError

from operations.absence import Absence, absence, address_of
from schemas.settings import SettingsError, load_settings

__all__ = ["explain_server"]


def explain_server(error: Exception) -> str:
    """One line about an error of a client of Kafka, ClickHouse or the gateway; empty for any other."""
    if isinstance(error, KafkaError):
        name, rest = "Kafka", f"{error}. Check TELEMETRY_KAFKA and that the broker runs."
    elif isinstance(error, ClickHouseError):
        name, rest = "ClickHouse", f"{str(error).splitlines()[0]}. Check TELEMETRY_CLICKHOUSE and that the server runs."
    elif isinstance(error, HTTPError):
        name, rest = "Gateway", f"{error!r}. Check TELEMETRY_GATEWAY_URL and that the gateway runs."
    else:
        return ""
    away = _away(error)
    return f"{name}: it {away}." if away else f"{name}: {rest}"


def _away(error: Exception) -> Absence | None:
    if isinstance(error, RequestError):
        # It may be another address than the settings'.
        url = error.request.url
        address, source = f"{url.scheme}://{url.netloc.decode()}", "--url or TELEMETRY_GATEWAY_URL"
        return absence(error, address, source, unanswered=(TransportError,))
    try:
        settings = load_settings()
    except SettingsError:
        return None
    if isinstance(error, KafkaError):
        return absence(error, settings.kafka, "TELEMETRY_KAFKA")
    return absence(error, address_of(settings.clickhouse), "TELEMETRY_CLICKHOUSE")
