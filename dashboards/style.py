"""Units, colours and how single fields look.

One rule: colour is never the only sign. A source has a word and a line of its own, an estimate is dashed.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

USD = "currencyUSD"  # $1.23 K: for looking at
CENTS = "prefix:$"  # $1234.56: for reckoning with; two decimals
TOKENS = COUNT = "short"
RATIO = "percentunit"
SECONDS = "s"
AGE = "dtdurations"
DATE = "time:YYYY-MM-DD"
TEXT = "string"

GREEN, YELLOW, ORANGE, RED, GREY = "green", "#EAB308", "orange", "red", "#8E8E8E"
API, MANUAL = "#2196F3", "#FF9800"
ESTIMATE, IMPORT = "#64B5F6", "#FFB74D"
FORECAST, ACTUAL = "#AB47BC", "#56A64B"

SOURCES = {  # the words of queries.SOURCE, with a colour and a point size
    "API": (API, 5),
    "Estimate": (ESTIMATE, 8),
    "Manual": (MANUAL, 10),
    "Import": (IMPORT, 12),
}
CONFIDENCE = {"official": GREEN, "provisional": ESTIMATE, "estimated": ESTIMATE, "manual": MANUAL}
SEVERITIES = {"low": GREY, "medium": YELLOW, "high": ORANGE, "critical": RED}

Look = list[DynamicConfigValue]


def look(**properties: object) -> Look:
    """Properties of an override. `custom__lineWidth` is written for `custom.lineWidth`."""
    return [DynamicConfigValue(name.replace("__", "."), value) for name, value in properties.items()]


def coloured(colour: str) -> Look:
    """One fixed colour."""
    return look(color={"mode": "fixed", "fixedColor": colour})


def dashed(colour: str) -> Look:
    """A forecast or an estimate as a line."""
    return coloured(colour) + look(custom__lineStyle={"fill": "dash", "dash": [8, 6]}, custom__fillOpacity=0)


def hatched(colour: str) -> Look:
    """An estimate as a bar: an outline with hardly any filling, since Grafana has no hatching."""
    return dashed(colour) + look(custom__fillOpacity=12)


def bounds(low: str) -> Look:
    """The upper bound of a range: filled down to the field `low`, with no line of its own."""
    return [*coloured(FORECAST), *look(custom__fillBelowTo=low, custom__fillOpacity=14), *unlined()]


def unlined() -> Look:
    """No line and no legend entry: one bound of a range."""
    hidden = {"legend": True, "tooltip": False, "viz": False}
    return look(custom__lineWidth=0, custom__hideFrom=hidden)


def words(colours: dict[str, str]) -> list[dict[str, object]]:
    """Value mappings that keep the text and colour it."""
    options = {text: {"text": text, "color": colour, "index": n} for n, (text, colour) in enumerate(colours.items())}
    return [{"type": "value", "options": options}]


def badge(colours: dict[str, str]) -> Look:
    """Text on its colour. A badge whose mapping changes the text would be grey in Grafana."""
    return look(mappings=words(colours), custom__cellOptions={"type": "pill"}, custom__align="left")


SOURCE_BADGE = badge({word: colour for word, (colour, _) in SOURCES.items()})
SEVERITY_BADGE = badge(SEVERITIES)
CONFIDENCE_BADGE = badge(CONFIDENCE)


def unit(of: str, decimals: int | None = None, width: int | None = None) -> Look:
    """A column's unit, and its width in pixels."""
    rounded = {} if decimals is None else {"decimals": decimals}
    return look(unit=of, **rounded) + wide(width)


def money(width: int | None = 110) -> Look:
    """A column of dollars and cents."""
    return unit(CENTS, 2, width)


def wide(width: int | None) -> Look:
    """A column's width in pixels."""
    return [] if width is None else look(custom__width=width)


def bar(of: str = CENTS, decimals: int = 2, width: int | None = None) -> Look:
    """A number with a bar behind it, as long as it is large among its column."""
    cell = {"type": "gauge", "mode": "gradient", "valueDisplayMode": "text"}
    shades = {"mode": "continuous-BlPu"}
    return unit(of, decimals, width) + look(custom__cellOptions=cell, color=shades, min=0, fieldMinMax=True)


def link(title: str, url: str) -> Look:
    """A cell that leads on. `${__data.fields.x}` in the address is the row's value of the column x."""
    return look(links=[{"title": title, "url": url}])
