"""What is installed and what is missing, for people who wonder why something does not work; no secrets."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from s3magic import __version__
from s3magic.process import find_program

_LIBRARIES = {
    "iris": ("load NetCDF, PP and GRIB as cubes", "iris"),
    "lazrs": ("link and preview LAS, LAZ and COPC", "geo"),
    "tifffile": ("link and preview GeoTIFF and COG", "geo"),
    "h5py": ("link and preview NetCDF and HDF5", "geo"),
    "PIL": ("preview photographs, CSV and JSON", "thumbs"),
    "pyarrow": ("preview Parquet", "table"),
    "zarr": ("preview Zarr and OME-Zarr", "zarr"),
    "eccodes": ("preview GRIB", "grib"),
    "av": ("preview videos", "video"),
    "resvg_py": ("preview SVG", "svg"),
    "moto": ("run the sandbox", "sandbox"),
    "jupyterlab": ("show the side-bar panel", "lab"),
}
_PROGRAMS = {
    "fusermount3": "mount as an ordinary user (package fuse3)",
    "git-lfs": "keep linked tiles in git (package git-lfs)",
}
_VARIABLES = (
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_NO_SIGN_REQUEST",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked for: whether it is there, and what it is good for."""

    name: str
    present: bool
    detail: str

    def __str__(self) -> str:
        return f"{'✓' if self.present else '✗'} {self.name:<24}{self.detail}"


def findings() -> list[Finding]:
    """Look at libraries, programs, FUSE and places of credentials; reads no secret."""
    found = [Finding("s3magic", present=True, detail=f"{__version__} on Python {platform.python_version()}")]
    for name, (use, extra) in _LIBRARIES.items():
        present = util.find_spec(name) is not None
        hint = "" if present else f"  → pip install 's3magic[{extra}]'"
        found.append(Finding(name, present, f"{_version(name) if present else ''} {use}{hint}".strip()))
    for name, use in _PROGRAMS.items():
        found.append(Finding(name, find_program(name) is not None, use))
    device = Path("/dev/fuse")
    usable = device.exists() and os.access(device, os.R_OK | os.W_OK)
    found.append(
        Finding("/dev/fuse", usable, "mount at all" if usable else "mount at all  → missing, or no right to it")
    )
    for name, variable in (("config", "AWS_CONFIG_FILE"), ("credentials", "AWS_SHARED_CREDENTIALS_FILE")):
        path = Path(os.environ.get(variable) or f"~/.aws/{name}").expanduser()
        found.append(Finding(f"AWS {name} file", path.is_file(), str(path)))
    found += [Finding(name, present=True, detail="is set") for name in _VARIABLES if os.environ.get(name)]
    return found


def report() -> str:
    """Return the findings as text, a line each."""
    return "\n".join(map(str, findings()))


def _version(module: str) -> str:
    names = metadata.packages_distributions().get(module, [module])
    try:
        return metadata.version(names[0])
    except metadata.PackageNotFoundError:
        return ""
