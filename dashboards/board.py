"""A dashboard as rows of panels: ids, positions, links and annotations come by themselves.

One rule: panels fill the 24 columns of a row from left to right, so nothing can overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.queries import POSTGRES, Sql
from dashboards.style import RED
from dashboards.variables import NAMES, variables

WIDTH = 24
TAG = "spend"
Panel = Builder[models.Panel]


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside each other, with their widths, which add up to 24."""

    height: int
    panels: tuple[tuple[int, Panel], ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows that are closed until somebody wants to know more."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Markers:
    """Annotations: a query with the columns time, timeend, text and tags."""

    name: str
    sql: str
    colour: str = RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. `question` is what it answers, `shown` names the variables its queries use."""

    uid: str
    title: str
    question: str
    shown: tuple[str, ...]
    rows: Sequence[Row | Fold]
    since: str = "now-30d"
    markers: tuple[Markers, ...] = ()

    def build(self) -> models.Dashboard:
        """The SDK's model of it."""
        made = dashboard.Dashboard(self.title).uid(self.uid).description(self.question).tags([TAG]).timezone("utc")
        made.time(self.since, "now").refresh("5m").tooltip(models.DashboardCursorSync.CROSSHAIR)
        made.readonly().variables(variables(self.shown)).link(_links())
        for markers in self.markers:
            made.annotation(_annotation(markers))
        model = made.build()
        model.panels = list(_placed(self.rows))
        return model

    def json(self) -> str:
        """The file's text: keys sorted, so that a difference shows what changed."""
        return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(self.build()) + "\n"


def row(height: int, *panels: tuple[int, Panel]) -> Row:
    """Panels beside each other.

    Raises:
        ValueError: the widths do not add up to 24.
    """
    if (width := sum(columns for columns, _ in panels)) != WIDTH:
        raise ValueError(f"a row is {WIDTH} columns wide, not {width}")
    return Row(height, panels)


def board_url(uid: str, **picked: str) -> str:
    """A link to another dashboard that keeps time and selection, but for what is `picked`: model="${__value.raw}"."""
    kept = "&".join(f"${{{name}:queryparam}}" for name in NAMES if name not in picked)
    changed = "".join(f"&var-{name}={value}" for name, value in picked.items())
    return f"/d/{uid}?${{__url_time_range}}&{kept}{changed}"


def _links() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Spend dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return (
        link.as_dropdown(as_dropdown=True)
        .keep_time(keep_time=True)
        .include_vars(include_vars=True)
        .tooltip("Keeps the time range and what is picked")
    )


def _annotation(markers: Markers) -> dashboard.AnnotationQuery:
    query = dashboard.AnnotationQuery().name(markers.name).datasource(POSTGRES).enable(enable=True)
    return query.icon_color(markers.colour).target(Sql(markers.sql, letter="Anno"))


def _placed(rows: Sequence[Row | Fold]) -> Iterator[models.Panel | models.RowPanel]:
    number, top = 0, 0
    for part in rows:
        if isinstance(part, Row):
            made = list(_across(part, number, top))
            yield from made
            number, top = number + len(made), top + part.height
            continue
        number, fold_at, top = number + 1, top, top + 1
        folded = models.RowPanel(collapsed=True, title=part.title, id_val=number)
        folded.grid_pos = models.GridPos(h=1, w=WIDTH, x=0, y=fold_at)
        for inner in part.rows:
            made = list(_across(inner, number, top))
            folded.panels += made
            number, top = number + len(made), top + inner.height
        top = fold_at + 1
        yield folded


def _across(one: Row, number: int, top: int) -> Iterator[models.Panel]:
    left = 0
    for offset, (width, panel) in enumerate(one.panels, 1):
        made = panel.build()
        made.id_val = number + offset
        made.grid_pos = models.GridPos(h=one.height, w=width, x=left, y=top)
        left += width
        yield made
