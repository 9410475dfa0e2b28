"""The roof: builds the program from its parts and runs it."""

from exporter.app.runtime import Runtime, fields_of, opened, with_settings
from exporter.app.serving import reload, serve

__all__ = ["Runtime", "fields_of", "opened", "reload", "serve", "with_settings"]
