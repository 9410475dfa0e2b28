"""OpenAI's cost report: dollars per day.

One rule: the amount is exact, whether it is written as an 18-digit string or as a JSON number.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from zlib import crc32

from exporter.demo.books import Line
from exporter.demo.openai_rows import FILTERS
from exporter.demo.series import OPENAI
from exporter.demo.truth import Truth
from exporter.demo.wire import Asked, Json, Refusal

DIMS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
COST_FILTERS = ("project_ids", "api_key_ids", "line_items")
KEYS_SINCE = datetime(2025, 12, 6, tzinfo=UTC)
UNITS = {"images": "images", "characters": "characters", "audio_seconds": "duration_seconds"}
GIBIBYTE = 1 << 30

Group = tuple[object, ...]


def check_grouping(dims: tuple[str, ...], start: datetime, *, key_costs: bool) -> None:
    """Keys are known since 2025-12-06; before that day people can not be mixed with anything either."""
    early = start < KEYS_SINCE
    if "api_key_id" in dims and (early or not key_costs):
        message = "Grouping by api_key_id is not supported for start_time before 2025-12-06."
        raise Refusal(400, message, param="start_time", code="invalid_request_error")
    if early and "user_id" in dims and len(dims) > 1:
        message = "Unsupported group_by combination for this range."
        raise Refusal(400, message, param="group_by", code="invalid_request_error")


def rows(truth: Truth, day: datetime, dims: tuple[str, ...], query: Asked) -> list[Json]:
    """One day's results."""
    groups: dict[Group, list[Line]] = {}
    for line in truth.lines(OPENAI, day.date()):
        if _wanted(line, query):
            groups.setdefault(tuple([_value(line, dim) for dim in dims]), []).append(line)
    return [_row(dims, group, lines, day) for group, lines in groups.items()]


def _value(line: Line, dim: str) -> object:
    return line.line_item if dim == "line_item" else line.series.dims.get(dim)


def _wanted(line: Line, query: Asked) -> bool:
    names = (name for name in COST_FILTERS if name in query.arrays)
    return all(_value(line, FILTERS[name]) in query.arrays[name] for name in names)


def _row(dims: tuple[str, ...], group: Group, lines: list[Line], day: datetime) -> Json:
    amount = sum((line.amount for line in lines), Decimal(0))
    row: Json = {
        "object": "organization.costs.result",
        "amount": {"value": _written(amount, group, day), "currency": "usd"},
        **dict.fromkeys(DIMS),
        **dict(zip(dims, group, strict=True)),
    }
    return row | _quantity(lines) if "line_item" in dims else row


def _quantity(lines: Iterable[Line]) -> Json:
    """How much was billed, only where one line item stands alone."""
    first, *_ = lines = list(lines)
    total = sum(line.quantity for line in lines)
    if first.meter == "vector_store_bytes":
        return {"quantity": total / GIBIBYTE, "quantity_unit": "gibibyte_hours"}
    if first.model.startswith("text-embedding"):
        return {"quantity": total / 1000, "quantity_unit": "1000_tokens"}
    unit = UNITS.get(first.meter, None if first.model == "" else "tokens")
    return {"quantity": total, "quantity_unit": unit}


def _written(amount: Decimal, group: Group, day: datetime) -> str | float:
    """Every third group comes as a number, if a number can say it exactly."""
    number = float(amount)
    as_number = crc32(f"{group}{day.date()}".encode()) % 3 == 0 and Decimal(str(number)) == amount
    return number if as_number else f"{amount:.18f}"
