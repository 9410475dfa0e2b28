"""Panels of the dashboard Exporter that Prometheus answers: the program, and how providers answer it.

One rule: the exporter's own counters belong to one process each, so they are added up; figures are taken once.
"""

from __future__ import annotations

from dashboards.board import Panel, Row, row
from dashboards.panels import lines, number
from dashboards.queries import course_of, latest, now_of
from dashboards.style import GREEN, ORANGE, RED, SECONDS, coloured, look

OURS = "on (job, instance) group_left () max by (job, instance) (last_over_time(spend_exporter_build_info[1d]))"
HOUR = '{provider=~"$provider"}[1h]'


def up() -> Panel:
    """Replicas that answer."""
    return number(
        "Exporters that answer",
        "Targets of Prometheus that answer now, of those that were a spend exporter within a day.",
        now_of(f"sum(up * {OURS})", "Up"),
        now_of(f"count(up * {OURS})", "Of"),
        unit="none",
        thresholds=[(None, RED), (1, GREEN)],
        fields={"Of": coloured("text")},
    )


def database() -> Panel:
    """Whether the database answers everybody."""
    words = {"1": {"text": "answers", "color": GREEN}, "0": {"text": "away", "color": RED}}
    return number(
        "Database",
        "Whether the database answered every exporter last time. Away: what is shown are the last known figures.",
        now_of("min(spend_exporter_database_up)"),
        unit="none",
    ).override_by_regexp("/.*/", look(mappings=[{"type": "value", "options": words}]))


def series() -> Panel:
    """How large the exposition is."""
    return number(
        "Series",
        "Series of figures that one exporter publishes, and label sets beyond the cap, which were added up in other.",
        now_of("max(spend_exporter_series)", "Published"),
        now_of(f"sum({latest('spend_exporter_series_folded')})", "Folded"),
        unit="locale",
        fields={"Folded": look(thresholds={"mode": "absolute", "steps": _ANY})},
    )


_ANY = [{"value": None, "color": GREEN}, {"value": 1, "color": ORANGE}]


def requests() -> Panel:
    """What providers answered."""
    return lines(
        "Requests to providers per hour",
        "HTTP requests by the class of the reply's status code, and those refused as too many; over an hour each."
        " Errors are 4xx, 5xx and none (no reply).",
        course_of(
            f"sum by (provider, code_class) (increase(spend_exporter_provider_requests_total{HOUR}))",
            "{{provider}} {{code_class}}",
        ),
        course_of(
            f"sum by (provider) (increase(spend_exporter_provider_throttled_total{HOUR})) > 0",
            "{{provider}} throttled",
        ),
        unit="short",
        fields={"/ (4xx|5xx|none)$/": coloured(RED), "/throttled$/": coloured(ORANGE)},
    ).min(0)


def answers() -> Panel:
    """How fast providers answer."""
    inside = f"sum by (provider, le) (increase(spend_exporter_provider_request_duration_seconds_bucket{HOUR}))"
    return lines(
        "How fast providers answer",
        "19 of 20 requests to the provider were answered within this time, over the hour before.",
        course_of(f"histogram_quantile(0.95, {inside})", "{{provider}}"),
        unit=SECONDS,
    ).min(0)


def rows_of_panels() -> tuple[Row, ...]:
    """What is of interest when the program itself is slow or large."""
    return (row(8, (6, _publishing()), (6, _memory()), (6, _processor()), (6, _unknown())),)


def _publishing() -> Panel:
    inside = "sum by (instance, le) (increase(spend_exporter_publish_duration_seconds_bucket[1h]))"
    return lines(
        "How long publishing takes",
        "19 of 20 publications of the hour before were read and rendered within this time. Scrapes do not wait for it.",
        course_of(f"histogram_quantile(0.95, {inside})", "{{instance}}"),
        unit=SECONDS,
    ).min(0)


def _memory() -> Panel:
    return lines(
        "Memory",
        "Resident memory of each exporter.",
        course_of(f"process_resident_memory_bytes * {OURS}", "{{instance}}"),
        unit="bytes",
    ).min(0)


def _processor() -> Panel:
    return lines(
        "Processor",
        "Processor cores that each exporter uses, over five minutes.",
        course_of(f"rate(process_cpu_seconds_total[5m]) * {OURS}", "{{instance}}"),
        unit="none",
    ).min(0)


def _unknown() -> Panel:
    return lines(
        "Unknown fields per day",
        "Fields in providers' replies that this program does not know: a sign that a provider changes its reports.",
        course_of(
            'sum by (provider) (increase(spend_exporter_provider_unknown_fields_total{provider=~"$provider"}[1d]))',
            "{{provider}}",
        ),
        unit="none",
    ).min(0)
