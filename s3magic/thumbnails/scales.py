"""One scale for all pictures of one quantity: what they share, and each in its colours; reads no object."""

from __future__ import annotations

import math
import sys
import threading
from dataclasses import dataclass, replace
from typing import Literal

from s3magic.formats.base import Field
from s3magic.formats.colours import own_scale, repaint
from s3magic.thumbnails.preview import Thumbnail

Sharing = Literal["shared", "each"]
SHARINGS: tuple[Sharing, ...] = ("shared", "each")
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours of some pictures stand for.

    Parameters
    ----------
    title, units
        Of the quantity, for people.
    low, high
        What the first and the last colour stand for.
    signed
        Whether the colours part at 0.
    under, over
        Whether values lie beyond either end.
    """

    title: str
    units: str
    low: float
    high: float
    signed: bool = False
    under: bool = False
    over: bool = False

    @property
    def ticks(self) -> tuple[float, ...]:
        """A few round values between the ends."""
        span = self.high - self.low
        if not sys.float_info.min < span < math.inf:
            return ()
        rough = span / _TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = min((factor * unit for factor in (1, 2, 5, 10)), key=lambda one: abs(one - rough))
        first = math.ceil(self.low / step - 1e-9)
        return tuple(place * step for place in range(first, math.floor(self.high / step + 1e-9) + 1))

    def to_json(self) -> dict[str, object]:
        """Return all fields as JSON types."""
        return {name: getattr(self, name) for name in self.__slots__}


class Scales:
    """The scales of a gallery; safe to use from several threads.

    Parameters
    ----------
    sharing
        ``"shared"``: fields of one quantity have one scale, as wide as the widest of them wants;
        ``"each"``: every field its own.
    """

    def __init__(self, sharing: Sharing = "shared") -> None:
        self.sharing = sharing
        self._lock = threading.Lock()
        self._shared: dict[str, Field] = {}

    def add(self, field: Field) -> None:
        """Widen the scale of a field's quantity so that it holds the field too."""
        if not self.is_shared(field):
            return
        with self._lock:
            known = self._shared.setdefault(field.quantity, field)
            self._shared[field.quantity] = replace(
                known,
                minimum=min(known.minimum, field.minimum),
                low=min(known.low, field.low),
                high=max(known.high, field.high),
                maximum=max(known.maximum, field.maximum),
            )

    def is_shared(self, field: Field) -> bool:
        """Whether a field has its scale in common with others."""
        return self.sharing == "shared" and bool(field.quantity)

    def of(self, field: Field) -> Scale:
        """Return the scale that a field is shown in."""
        with self._lock:
            return _scale(self._shared.get(field.quantity, field) if self.is_shared(field) else field)

    @property
    def shared(self) -> list[Scale]:
        """The scales that fields have in common, by their titles."""
        with self._lock:
            return sorted((_scale(field) for field in self._shared.values()), key=lambda scale: scale.title.lower())

    def paint(self, seen: Thumbnail) -> Thumbnail:
        """Return a picture in the colours of its scale; one that is no field as it is."""
        if seen.field is None or not seen.image:
            return seen
        scale = self.of(seen.field)
        as_shared = replace(seen.field, signed=scale.signed)
        return replace(seen, image=repaint(seen.image, as_shared, scale.low, scale.high))


def _scale(field: Field) -> Scale:
    low, high = own_scale(field)
    return Scale(
        field.title,
        field.units,
        low,
        high,
        signed=field.signed,
        under=field.minimum < low,
        over=field.maximum > high,
    )
