"""YAML with line numbers: reads values out of a file and collects every mistake on the way.

One rule: nothing is converted before it was asked for. A number is taken from its text, so `0.1` stays one tenth;
`no` is never quietly false where text is expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeVar

import yaml

from exporter.errors import ConfigError

_T = TypeVar("_T")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"\d{1,9}")
_BOOLEANS = {"true": True, "false": False}
_TEXT_LIKE = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "timestamp"))
_NULL = "tag:yaml.org,2002:null"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    names = sorted(known)
    longer = [name for name in names if len(word) > 3 and word in name.split("_")]  # tier → service_tier
    return next(iter(longer or get_close_matches(word, names, n=1, cutoff=0.6)), None)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'provider'?`, or nothing."""
    meant = closest(word, known)
    return f"; did you mean '{meant}'?" if meant else ""


class Mistakes:
    """The sentences a user will read, in the order of the file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[tuple[int, str]] = []

    def add(self, node: yaml.Node, sentence: str) -> None:
        """Note one mistake at a place in the file."""
        self._found.append((node.start_mark.line + 1, sentence))

    def raise_any(self) -> None:
        """All of them in one error, a line each."""
        if self._found:
            raise ConfigError("\n".join(f"{self._file}:{line}: {words}" for line, words in sorted(self._found)))


class Section:
    """A mapping in the file. `path` is how sentences call it (``accounts[0]``), empty for the file itself."""

    def __init__(self, node: yaml.MappingNode, path: str, mistakes: Mistakes) -> None:
        self.node, self.path, self.mistakes = node, path, mistakes
        self._values: dict[str, yaml.Node] = {}
        self._keys: dict[str, yaml.Node] = {}
        for key, value in node.value:
            self._keep(key, value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def expect(self, names: Iterable[str], required: Iterable[str] = ()) -> None:
        """Refuse keys that aren't among `names`, miss those in `required`."""
        known = set(names)
        for name in self._values.keys() - known:
            self.mistakes.add(self._keys[name], f"{self._who} has no setting '{name}'{suggestion(name, known)}")
        for name in required:
            if name not in self._values:
                self.mistakes.add(self.node, f"{self._who} needs '{name}'")

    def wrong(self, name: str, sentence: str) -> None:
        """Note a mistake about one value: `sentence` continues after its name."""
        self.mistakes.add(self._values[name], f"{self._called(name)} {sentence}")

    def text(self, name: str) -> str:
        """Text as written; a number or date counts as text, true, false and nothing don't."""
        node = self._values.get(name)
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _TEXT_LIKE:
            if node.tag == _NULL:
                self.wrong(name, "is empty: give it a value or leave the line out")
            else:
                self.wrong(name, "must be text; if it is, put it in quotes")
            return ""
        if not node.value.strip():
            self.wrong(name, "is empty: give it a value or leave the line out")
        return str(node.value)

    def number(self, name: str) -> Decimal | None:
        """An exact decimal number."""
        return self._read(name, _NUMBER, Decimal, "must be a number")

    def whole(self, name: str, least: int) -> int | None:
        """A whole number not below `least`."""
        found = self._read(name, _WHOLE, int, f"must be a whole number of at least {least}")
        if found is not None and found < least:
            self.wrong(name, f"must be a whole number of at least {least}")
            return None
        return found

    def boolean(self, name: str) -> bool:
        """`true` or `false`; missing is false."""
        return bool(self._read(name, re.compile("true|false"), _BOOLEANS.__getitem__, "must be true or false"))

    def day(self, name: str) -> date | None:
        """A date such as 2026-11-01."""
        sentence = "must be a date such as 2026-11-01"
        try:
            return self._read(name, re.compile(r"\d{4}-\d\d-\d\d"), date.fromisoformat, sentence)
        except ValueError:  # the thirtieth of February
            self.wrong(name, sentence)
            return None

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        """One of a few words."""
        word = self.text(name)
        if word and word not in choices:
            self.wrong(name, f"must be one of {', '.join(choices)}{suggestion(word, choices)}")
        return word

    def section(self, name: str) -> Section | None:
        """A mapping below this one."""
        node = self._values.get(name)
        if node is None or node.tag == _NULL:
            return None
        if isinstance(node, yaml.MappingNode):
            return Section(node, self._called(name), self.mistakes)
        self.wrong(name, "must be a mapping of names to values")
        return None

    def sections(self, name: str) -> Iterator[Section]:
        """The mappings of a list below this one."""
        node = self._values.get(name)
        if node is None or node.tag == _NULL:  # `accounts:` with every entry commented out is no mistake
            return
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(name, "must be a list: begin every entry with '- '")
            return
        for place, entry in enumerate(node.value):
            path = f"{self._called(name)}[{place}]"
            if isinstance(entry, yaml.MappingNode):
                yield Section(entry, path, self.mistakes)
            else:
                self.mistakes.add(entry, f"{path} must be a mapping of names to values")

    @property
    def _who(self) -> str:
        return self.path or "the file"

    def _called(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _keep(self, key: yaml.Node, value: yaml.Node) -> None:
        if not isinstance(key, yaml.ScalarNode):
            self.mistakes.add(key, f"{self._who} has a setting whose name is not text")
            return
        if key.value in self._values:
            first = self._keys[key.value].start_mark.line + 1
            self.mistakes.add(key, f"{self._who} states '{key.value}' twice, first on line {first}")
            return
        self._keys[key.value], self._values[key.value] = key, value

    def _read(self, name: str, shape: re.Pattern[str], read: Callable[[str], _T], sentence: str) -> _T | None:
        node = self._values.get(name)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or not shape.fullmatch(node.value):
            self.wrong(name, sentence)
            return None
        return read(node.value)


def parsed(text: str, file: str) -> Section | None:
    """The file's top mapping and a fresh list of mistakes; `None`: nothing but comments."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)  # nosec B506: composes nodes, constructs no objects
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_broken(error, file)) from None
    except yaml.YAMLError:
        raise ConfigError(f"{file}: the file holds a character that YAML doesn't allow") from None
    if node is None or node.tag == _NULL:
        return None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            f"{file}:{node.start_mark.line + 1}: the file must begin with a setting such as 'accounts:', "
            f"not with {'a list' if isinstance(node, yaml.SequenceNode) else 'plain text'}"
        )
    return Section(node, "", Mistakes(file))


def _broken(error: yaml.MarkedYAMLError, file: str) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    problem = error.problem or "it can't be read"
    if "undefined alias" in problem or "anchor" in problem or "tag" in problem:
        # These quote the value, which may be a secret that begins with * & or !.
        problem = "a value that begins with '*', '&' or '!' needs quotes"
    return f"{place}: not valid YAML: {problem}"
