"""Who makes and who reads each blob of a net, by name alone: what hints about wrong names are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netcli.errors import did_you_mean
from netcli.prototxt import LayerSource

Hint = tuple[str | None, str | None]
"""Hint and suggestion of a finding."""


@dataclass
class _Version:
    """One making of a blob: in place layers make it anew."""

    name: str
    maker: int
    readers: list[int] = field(default_factory=list)


class Wiring:
    """The layers of one phase in order, and the blobs that go from one to the other."""

    def __init__(self, layers: Sequence[LayerSource]) -> None:
        self.layers = layers
        self._versions: list[_Version] = []
        self._by_name: dict[str, list[_Version]] = {}
        self._dangling: list[tuple[int, str]] = []
        latest: dict[str, _Version] = {}
        for index, source in enumerate(layers):
            for name in source.param.bottom:
                if name in latest:
                    latest[name].readers.append(index)
                else:
                    self._dangling.append((index, name))
            for name in source.param.top:
                latest[name] = _Version(name, index)
                self._versions.append(latest[name])
                self._by_name.setdefault(name, []).append(latest[name])

    def makers(self, name: str) -> list[int]:
        """Positions of the layers that make ``name``."""
        return [version.maker for version in self._by_name.get(name, ())]

    def maker_before(self, name: str, index: int) -> int | None:
        """The layer that made ``name`` as layer ``index`` reads it; None if no earlier layer does."""
        return max((maker for maker in self.makers(name) if maker < index), default=None)

    def readers_of(self, name: str, index: int) -> list[int]:
        """All layers that read ``name`` as layer ``index`` reads it."""
        maker = self.maker_before(name, index)
        return [] if maker is None else self.readers_of_made(name, maker)

    def readers_of_made(self, name: str, maker: int) -> list[int]:
        """The layers that read ``name`` as layer ``maker`` made it."""
        return [
            reader for version in self._by_name.get(name, ()) if version.maker == maker for reader in version.readers
        ]

    def unread_before(self, index: int) -> list[str]:
        """Blobs made before layer ``index`` that no layer reads, the latest first."""
        found = [version.name for version in self._versions if version.maker < index and not version.readers]
        return list(dict.fromkeys(reversed(found)))

    def depends_on(self, blob: str, index: int) -> bool:
        """True if ``blob`` depends on a top of layer ``index`` by any order of the layers."""
        waiting, seen = [blob], set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for maker in self.makers(name)[-1:]:
                if maker == index:
                    return True
                waiting.extend(self.layers[maker].param.bottom)
        return False

    def for_unknown_bottom(self, index: int, name: str, known: Sequence[str]) -> Hint:
        """What layer ``index`` probably reads instead of ``name``, which is none of the ``known`` blobs."""
        unread = self.unread_before(index)
        hint, suggestion = did_you_mean(name, known, preferred=unread)
        if suggestion is None and "label" in name.lower():
            return self._label_hint(index, name), None
        if suggestion is None and unread and unread[0] in known:
            return f"nothing reads '{unread[0]}': was that meant?", unread[0]
        return hint or f"known so far: {', '.join(known) or 'none'}", suggestion

    def for_duplicate_top(self, index: int, name: str) -> Hint:
        """What the top ``name`` of layer ``index``, which an earlier layer makes, should probably be called."""
        wanted = [blob for reader, blob in self._dangling if reader > index]
        own = self.layers[index].param.name
        if own in wanted or (not wanted and own and not self.makers(own)):
            suggestion = own
        elif wanted:
            suggestion = wanted[0]
        else:
            return "give it a name of its own", None
        if suggestion in wanted:
            return f"'{suggestion}', which no layer makes, is read further down: was that meant?", suggestion
        return f"give it a name of its own, such as '{suggestion}'", suggestion

    def for_missing_bottoms(self, index: int, label: int | None) -> Hint:
        """What layer ``index``, which has too few bottoms, could read; ``label`` is the position of its labels."""
        unread = self.unread_before(index)
        given = len(self.layers[index].param.bottom)
        if label is not None and given == label:
            labels = [name for name in unread if "label" in name.lower()] or [
                version.name for version in self._versions if version.maker < index and "label" in version.name.lower()
            ]
            if labels:
                return f'the label is missing: add bottom: "{labels[0]}"', f'bottom: "{labels[0]}"'
            return f"the label is missing: {self._label_hint(index, 'label')}", None
        if unread:
            return f"blobs that nothing reads: {', '.join(unread[:5])}", f'bottom: "{unread[0]}"'
        return None, None

    def _label_hint(self, index: int, name: str) -> str:
        sources = [source.param for source in self.layers[:index] if not source.param.bottom]
        for param in sources:
            if param.type.endswith("Data") and len(param.top) == 1:
                return f"give the {param.type} layer '{param.name}' a second top, top: \"{name}\""
        return f'no layer makes labels: a data layer gives them as its second top, as in top: "{name}"'
