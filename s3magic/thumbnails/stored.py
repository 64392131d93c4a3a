"""Thumbnails that lie on S3: where they are, whether they are still true, how one is read and put; makes none."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256

from s3magic import __version__
from s3magic.errors import AccessDenied, InvalidInput, NoSuchKey
from s3magic.store.base import ObjectInfo, StoreOpener
from s3magic.thumbnails import TEMPLATE
from s3magic.thumbnails.cache import DiskCache, Entry
from s3magic.thumbnails.decoding import Decoder
from s3magic.thumbnails.preview import Thumbnail, look, recall
from s3magic.url import S3Url

_PLACES = re.compile(r"\[([^\]]*)\]")
_ETAG, _KEY = "s3magic-etag", "s3magic-key"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A place on S3 where each object of a folder may have a thumbnail, by a template.

    Parameters
    ----------
    opener
        Gives the stores.
    root
        The folder of the objects: what is below it is the ``[filename]``, its ending the
        ``[extension]``.
    place
        The folder of the thumbnails; the same unless another was asked for.
    template
        The path of a thumbnail below ``place``.
    is_certain
        Whether thumbnails are to be looked for at once; else only when the listing meets some.

    Raises
    ------
    InvalidInput
        When the template names no file, leaves the place, or would give an object its own name.

    Examples
    --------
    >>> folder = S3Url.parse("s3://teaching/photos/")
    >>> Shelf(lambda url: None, folder, folder).key("photos/2024/fjord.jpg")
    'photos/.lightly/thumbnails/2024/fjord_thumb.jpg'
    """

    opener: StoreOpener
    root: S3Url
    place: S3Url
    template: str = TEMPLATE
    is_certain: bool = False

    def __post_init__(self) -> None:
        names = _PLACES.findall(self.template)
        if "filename" not in names or set(names) - {"filename", "extension"}:
            raise InvalidInput(
                f"A template of thumbnails cannot be {self.template!r}",
                f"It holds [filename], and may hold [extension]: {TEMPLATE}",
            )
        if self.template.startswith("/") or ".." in self.template.split("/"):
            raise InvalidInput(f"The template {self.template!r} leads out of its folder", "Write a path below it.")
        if self.root == self.place and self.template in ("[filename].[extension]", "[filename]"):
            raise InvalidInput("With this template thumbnails would replace the objects", "Add something to it.")

    @property
    def target(self) -> S3Url:
        """The folder that all thumbnails are put below."""
        fixed = self.template.partition("[")[0].rpartition("/")[0]
        return self.place.with_key(f"{self.place.key}{fixed}/") if fixed else self.place

    @property
    def folder(self) -> str:
        """What the keys begin with that are thumbnails and no objects; empty where they lie among objects."""
        return self.target.key if self.target != self.place and self.root.bucket == self.place.bucket else ""

    def key(self, key: str) -> str:
        """Return the key of the thumbnail of an object."""
        path = key.removeprefix(self.root.key)
        folder, slash, name = path.rpartition("/")
        stem, _, extension = name.rpartition(".") if "." in name[1:] else (name, "", "")
        values = {"filename": folder + slash + stem, "extension": extension}
        return self.place.key + _PLACES.sub(lambda found: values[found[1]], self.template).removesuffix(".")

    def holds(self, key: str) -> bool:
        """Whether a key is, by its name, that of a thumbnail and of no object."""
        if self.root.bucket != self.place.bucket:
            return False
        if self.folder:
            return key.startswith(self.folder)
        pattern = "".join(
            ".+" if part == "filename" else "[^/]*" if part == "extension" else re.escape(part)
            for part in _PLACES.split(self.template)
        )
        return re.fullmatch(re.escape(self.place.key) + pattern, key) is not None

    def find(self, info: ObjectInfo) -> ObjectInfo | None:
        """Return the thumbnail of an object, true or not; None where there is none that one may read."""
        try:
            found = self.opener(self.place).head(self.key(info.key))
        except (NoSuchKey, AccessDenied):
            return None
        return found if found.metadata.get(_KEY, _digest(info)) == _digest(info) else None

    def picture(
        self, info: ObjectInfo, *, size: int, decoder: Decoder, cache: DiskCache | None = None
    ) -> Thumbnail | None:
        """Return the stored thumbnail of an object as a picture; None where there is none that is true."""
        key = (info.url, info.etag, info.size, size, str(self.place), self.template, __version__)
        if cache and (kept := recall(cache.get(key))):
            return kept
        found = self.find(info)
        if found is None or not is_fresh(found, info):
            return None
        # What is in it counts and not its name, which is that of the object: any picture is read as PNG is.
        seen = look(self.opener(self.place), found, size=size, decoder=decoder, named="thumbnail.png")
        if not seen.image:
            return None
        made = replace(seen, caption="stored thumbnail", source="stored", format="file", facts=())
        if cache:
            cache.put(key, Entry(made.to_json(), made.image))
        return made

    def put(self, info: ObjectInfo, image: bytes, media_type: str, *, instead_of: ObjectInfo | None) -> ObjectInfo:
        """Store the thumbnail of an object, unless something came there meanwhile.

        Parameters
        ----------
        instead_of
            The thumbnail that is no longer true, as it was found; None where there was none.

        Raises
        ------
        ObjectChanged
            When something else lies there by now.
        """
        return self.opener(self.place).put(
            self.key(info.key),
            image,
            content_type=media_type,
            metadata={_ETAG: info.etag, _KEY: _digest(info)},
            if_match=None if instead_of is None else instead_of.etag,
            if_none_match=instead_of is None,
        )


def is_fresh(found: ObjectInfo, info: ObjectInfo) -> bool:
    """Whether a thumbnail was made of an object as it is now: by its mark, or by the times where it has none."""
    if is_ours(found):
        return found.metadata[_ETAG] == info.etag
    if found.last_modified is None or info.last_modified is None:
        return True
    return found.last_modified >= info.last_modified


def is_ours(found: ObjectInfo) -> bool:
    """Whether it bears the mark of those that are put here, so that it is a thumbnail for sure."""
    return _ETAG in found.metadata


def _digest(info: ObjectInfo) -> str:
    """Return what stands for a key where there is no room for it: two objects may have one place by a template."""
    return sha256(info.key.encode(errors="surrogatepass")).hexdigest()[:16]
