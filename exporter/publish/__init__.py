"""Publish: store → families → bytes, off the event loop, swapped in as a whole."""

from exporter.publish.publisher import Publication, Publisher

__all__ = ["Publication", "Publisher"]
