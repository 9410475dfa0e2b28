"""The few kinds of panels there are, with our defaults. Chain the SDK's own methods for what is special.

One rule: a panel answers one question. Its title says which, its description how the figure comes about.
"""

from __future__ import annotations

from string import ascii_uppercase
from typing import Any, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, piechart, stat, table, text, timeseries
from grafana_foundation_sdk.builders.piechart import PieChartLegendOptions
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import piechart as pies

from dashboards.queries import Query
from dashboards.style import GREEN, SOURCES, USD, Look, coloured, hatched, look

Fields = dict[str, Look]
"""How single fields look, by name or by a regular expression between slashes."""

Steps = list[tuple[float | None, str]]
NOTHING = "Nothing in this time, or for what is picked above"
"""What an empty panel says. Chain `.no_value("…")` where there is more to say."""

PLAIN: Steps = [(None, "text")]
GOOD: Steps = [(None, GREEN)]


_CALCS = {"sum": "Total", "lastNotNull": "Last *"}  # as Grafana heads their columns


class Drawn(Protocol):
    """What all panel builders of the SDK share."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def with_target(self, target: Any) -> Self: ...
    def override_by_name(self, name: str, properties: Look) -> Self: ...
    def override_by_regexp(self, regexp: str, properties: Look) -> Self: ...
    def with_transformation(self, transformation: models.DataTransformerConfig) -> Self: ...


P = TypeVar("P", bound=Drawn)


def _begun(panel: P, title: str, description: str, queries: tuple[Query, ...], unit: str, fields: Fields | None) -> P:
    panel.title(title).description(description).unit(unit).no_value("–")
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(query.ref_id(letter))
    for name, properties in (fields or {}).items():
        by = panel.override_by_regexp if name.startswith("/") else panel.override_by_name
        by(name, properties)
    return panel


def joined(panel: P, columns: dict[str, str]) -> P:
    """Tables of Prometheus side by side, merged by their labels. `columns` gives fields their names, in this order."""
    order = {name: place for place, name in enumerate(columns)}
    shaped = {"renameByName": columns, "indexByName": order, "excludeByName": {"Time": True}, "includeByName": {}}
    panel.with_transformation(models.DataTransformerConfig("merge", options={}))
    return panel.with_transformation(models.DataTransformerConfig("organize", options=shaped))


def steps(thresholds: Steps) -> dashboard.ThresholdsConfig:
    """Colours from a value on; None is where the first one begins."""
    mode = models.ThresholdsMode.ABSOLUTE
    return (
        dashboard.ThresholdsConfig().mode(mode).steps([models.Threshold(value, colour) for value, colour in thresholds])
    )


def number(
    title: str,
    description: str,
    *queries: Query,
    unit: str = USD,
    fields: Fields | None = None,
    thresholds: Steps = PLAIN,
) -> stat.Panel:
    """One figure, or a few beside each other. Of rows, each column is a figure."""
    panel = _begun(stat.Panel(), title, description, queries, unit, fields)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
    panel.graph_mode(kinds.BigValueGraphMode.NONE).color_mode(kinds.BigValueColorMode.VALUE)
    return panel.thresholds(steps(thresholds)).color_scheme(by_thresholds())


def by_thresholds() -> dashboard.FieldColor:
    """Colours by the thresholds a value has reached."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def by_turn() -> dashboard.FieldColor:
    """One colour after the other. Colours by name would include some that a light background swallows."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC)


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = USD,
    fields: Fields | None = None,
    calcs: tuple[str, ...] = (),
) -> timeseries.Panel:
    """Courses over time. With `calcs` ("sum", "max", "lastNotNull") the legend is a table."""
    panel = _begun(timeseries.Panel(), title, description, queries, unit, fields)
    panel.line_width(2).fill_opacity(0).show_points(kinds.VisibilityMode.NEVER).span_nulls(3 * 86400e3)
    panel.color_scheme(by_turn()).legend(legend(calcs)).no_value(NOTHING)
    return panel.tooltip(tooltip())


def bars(
    title: str,
    description: str,
    *queries: Query,
    unit: str = USD,
    fields: Fields | None = None,
    calcs: tuple[str, ...] = (),
) -> timeseries.Panel:
    """Amounts per day, week or month, stacked."""
    panel = lines(title, description, *queries, unit=unit, fields=fields, calcs=calcs)
    panel.draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(80).line_width(1).bar_width_factor(0.8)
    panel.bar_alignment(kinds.BarAlignment.AFTER)  # a day's bar begins at its midnight
    return panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))


def ahead(panel: timeseries.Panel, back: str, span: str) -> timeseries.Panel:
    """Give a panel a time range of its own that reaches into the future: from `back` ago on, `span` long.

    Grafana reads timeFrom "+90d" as now to now+90d, and shifts that into the past by timeShift. A dashboard with an
    absolute range keeps that range.
    """
    return panel.time_from(f"+{span}").time_shift(back).hide_time_override(hide_time_override=True)


def legend(calcs: tuple[str, ...]) -> common.VizLegendOptions:
    """Names below, or with figures at the right."""
    mode = kinds.LegendDisplayMode.TABLE if calcs else kinds.LegendDisplayMode.LIST
    place = kinds.LegendPlacement.RIGHT if calcs else kinds.LegendPlacement.BOTTOM
    options = common.VizLegendOptions().show_legend(show_legend=True).display_mode(mode).placement(place)
    if calcs:
        options.sort_by(_CALCS.get(calcs[0], calcs[0].capitalize())).sort_desc(sort_desc=True)
    return options.calcs(list(calcs))


def tooltip() -> common.VizTooltipOptions:
    """All lines at once, the largest first."""
    return common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)


def by_source() -> Fields:
    """Series named by `queries.SOURCE`: a colour and a point size each, and an outline for estimates."""
    drawn = {word: hatched if word == "Estimate" else coloured for word in SOURCES}
    return {word: drawn[word](colour) + look(custom__pointSize=size) for word, (colour, size) in SOURCES.items()}


def rows(
    title: str, description: str, *queries: Query, fields: Fields | None = None, unit: str = "none", sort: str = ""
) -> table.Panel:
    """A table. Columns are named by the query; `fields` gives their units, widths and badges; `sort` one of them."""
    panel = _begun(table.Panel(), title, description, queries, unit, fields)
    panel.no_value(NOTHING).override_by_regexp("/.*/", look(noValue="–"))  # the panel's; a cell has a dash
    panel.cell_height(kinds.TableCellHeight.SM).show_header(show_header=True).color_scheme(by_thresholds())
    panel.thresholds(steps(PLAIN))
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(desc=True)]) if sort else panel


def gauges(
    title: str,
    description: str,
    *queries: Query,
    unit: str = USD,
    fields: Fields | None = None,
    thresholds: Steps = GOOD,
    each_row: bool = False,
) -> bargauge.Panel:
    """Horizontal bars with a name and a figure. `each_row`: one for each row of a table, the first text names it."""
    panel = _begun(bargauge.Panel(), title, description, queries, unit, fields)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=each_row))
    panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC).min(0)
    panel.value_mode(kinds.BarGaugeValueMode.TEXT).show_unfilled(show_unfilled=True)
    return panel.thresholds(steps(thresholds)).color_scheme(by_thresholds())


def shares(
    title: str, description: str, *queries: Query, unit: str = USD, fields: Fields | None = None
) -> piechart.Panel:
    """Parts of a whole, with figures in the legend. For a handful of parts; more are a table's business."""
    panel = _begun(piechart.Panel(), title, description, queries, unit, fields)
    panel.no_value(NOTHING).pie_type(pies.PieChartType.DONUT).color_scheme(by_turn()).tooltip(tooltip())
    panel.reduce_options(common.ReduceDataOptions().calcs(["sum"]).values(values=False))
    told = [pies.PieChartLegendValues.PERCENT, pies.PieChartLegendValues.VALUE]
    options = PieChartLegendOptions().show_legend(show_legend=True).placement(kinds.LegendPlacement.RIGHT)
    return panel.legend(options.display_mode(kinds.LegendDisplayMode.TABLE).values(told))


def words(title: str, markdown: str, description: str = "") -> text.Panel:
    """Text in Markdown."""
    panel = text.Panel().title(title).description(description or "What to know here.")
    return panel.content("\n".join(line.strip() for line in markdown.strip().splitlines()))
