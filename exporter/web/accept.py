"""Content negotiation: which format and encoding a scraper asks for.

One rule: never refuse. Whoever asks for nothing we have gets plain text, uncompressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Asked = tuple[str, Mapping[str, str], float]
"""One item of an Accept header: name, parameters, q-value."""

_OPENMETRICS = "application/openmetrics-text"
_FORMATS = (_OPENMETRICS, "text/plain")


def wants_openmetrics(accept: str) -> bool:
    """True when OpenMetrics 1.0 is asked for by name and text is not preferred to it; of two equals the first wins."""
    order: list[str] = []
    quality = {_OPENMETRICS: 0.0}
    for name, parameters, q in _items(accept):
        if name == _OPENMETRICS and parameters.get("version", "1.0.0") != "1.0.0":
            continue
        order.append(name)
        quality[name] = max(q, quality.get(name, 0.0))
    openmetrics = quality[_OPENMETRICS]
    text = quality.get("text/plain", quality.get("text/*", quality.get("*/*", 0.0)))
    if openmetrics == text > 0:
        return next(name for name in order if name in _FORMATS) == _OPENMETRICS
    return openmetrics > text


def accepts_gzip(accept_encoding: str) -> bool:
    """True when gzip is named, or covered by ``*``, with a q-value above zero."""
    qualities = {name: quality for name, _, quality in _items(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _items(header: str) -> Iterator[Asked]:
    for item in header.split(","):
        name, *rest = (part.strip().lower() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip(' "') for key, _, value in pairs}
        yield name, parameters, _quality(parameters.get("q", "1"))


def _quality(text: str) -> float:
    """From 0 to 1; what can't be read counts as not wanted."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0
