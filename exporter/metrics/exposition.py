"""Renders a snapshot once into the four byte strings that scrapes are handed.

One rule: the output is byte for byte what prometheus_client writes; ours exists because it is many times faster,
builds each sample line once for all four forms, and works in small steps so that the event loop keeps its turn.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import islice
from operator import itemgetter
from typing import IO

from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.catalog import Definition
from exporter.metrics.snapshot import Family, Sample, Snapshot

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_openmetrics: Callable[[Collector], bytes] = openmetrics.generate_latest
_go: Callable[[float], str] = floatToGoString

_CHUNK = 1_000  # lines joined, encoded and compressed at a time: about 1 ms with the interpreter lock held


@dataclass(frozen=True, slots=True)
class Body:
    """One format's bytes, plain and compressed."""

    content_type: str
    identity: bytes
    gzip: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a scrape gets. `taken_at` is the snapshot's moment, `etag` names this very rendering."""

    taken_at: datetime
    etag: str
    text: Body
    openmetrics: Body


def render(snapshot: Snapshot, health: Collector, now: datetime) -> Rendered:
    """Both formats, both encodings, in one pass over the samples. Call it in a worker thread."""
    text, open_ = _Sink(), _Sink()
    escaped = _Escaped()
    for family in snapshot.families:
        text.write(_text_header(family.definition))
        open_.write(_openmetrics_header(family.definition))
        for block in _blocks(family, escaped):
            text.write(block)
            open_.write(block)
    families = list(health.collect())
    text.write(generate_latest(_Collected(families)))
    open_.write(_openmetrics(_Collected(families)))  # ends in the EOF mark
    etag = f"{now.timestamp():.6f}"
    return Rendered(snapshot.taken_at, etag, text.body(TEXT_TYPE), open_.body(OPENMETRICS_TYPE))


class _Sink:
    """Takes blocks of one format; keeps them plain and compresses them as they come."""

    def __init__(self) -> None:
        self._identity, self._gzip = BytesIO(), BytesIO()
        self._compressor = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: gzip header, time stamp 0

    def write(self, block: bytes) -> None:
        self._identity.write(block)
        self._gzip.write(self._compressor.compress(block))

    def body(self, content_type: str) -> Body:
        self._gzip.write(self._compressor.flush())
        return Body(content_type, self._identity.getvalue(), self._gzip.getvalue())


class _Escaped(dict[str, str]):
    """Label values as they stand between quotes, each worked out once."""

    def __missing__(self, value: str) -> str:
        escaped = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = escaped
        return escaped


class _Collected(Collector):
    """Families already collected, so that both formats show the same moment."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def _blocks(family: Family, escaped: _Escaped) -> Iterator[bytes]:
    """The sample lines, some hundred at a time. A lone surrogate becomes a question mark, not a failed scrape."""
    line = _line(family.definition, escaped)
    samples = iter(family.samples)
    while chunk := list(islice(samples, _CHUNK)):
        yield "".join([line(sample) for sample in chunk]).encode("utf-8", "replace")


def write_past(several: Iterable[tuple[float, Family]], out: IO[bytes]) -> int:
    """One family as it stood at several moments (seconds since the epoch), as OpenMetrics. Returns how many samples.

    The format wants all that is told of one label set in one place, in the order of time.
    """
    points: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    definition = None
    for at, family in several:
        definition = family.definition
        for labels, value in family.samples:
            points.setdefault(labels, []).append((at, value))
    if definition is None:
        return 0
    out.write(_openmetrics_header(definition))
    line = _line(definition, _Escaped())
    for labels, course in points.items():
        said = "".join([f"{line((labels, value))[:-1]} {at:.3f}\n" for at, value in course])
        out.write(said.encode("utf-8", "replace"))
    return sum(map(len, points.values()))


def _line(definition: Definition, escaped: _Escaped) -> Callable[[Sample], str]:
    """A function from sample to line. Labels are written in alphabetical order, as the library does."""
    labels = definition.labels
    look_up = escaped.__getitem__
    places = sorted(range(len(labels)), key=labels.__getitem__)
    pick = itemgetter(*places) if len(places) > 1 else tuple[str, ...]
    block = ",".join(f'{labels[place]}="%s"' for place in places)
    template = f"{definition.name}{{{block}}} %s\n" if labels else f"{definition.name} %s\n"

    def line(sample: Sample) -> str:
        values, figure = sample
        if len(values) != len(labels):
            raise ValueError(f"{definition.name} has the labels {labels}, a sample has {values}")
        return template % (*map(look_up, pick(values)), _number(figure))

    return line


def _number(value: float) -> str:
    """As Go writes it. The common case skips the library's scan; `float` sheds int and numpy types."""
    value = float(value)
    return repr(value) if -1e6 < value < 1e6 else _go(value)


def _text_header(definition: Definition) -> bytes:
    text = definition.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {definition.name} {text}\n# TYPE {definition.name} {definition.kind}\n".encode()


def _openmetrics_header(definition: Definition) -> bytes:
    """OpenMetrics names a counter's family without ``_total`` and escapes quotes in HELP too."""
    name = definition.name.removesuffix("_total") if definition.kind == "counter" else definition.name
    text = definition.help.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {definition.kind}\n".encode()
