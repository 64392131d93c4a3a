"""What is installed and what is missing, for people who wonder why something does not work; no secrets."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from s3magic import __version__
from s3magic.process import find_program

_LIBRARIES = {
    "scitools-iris": ("load NetCDF, PP and GRIB as cubes", "iris"),
    "lazrs": ("link and preview LAS, LAZ and COPC", "geo"),
    "tifffile": ("link and preview GeoTIFF and COG", "geo"),
    "h5py": ("link and preview NetCDF and HDF5", "geo"),
    "pillow": ("preview photographs, CSV and JSON", "thumbs"),
    "pyarrow": ("preview Parquet", "table"),
    "zarr": ("preview Zarr and OME-Zarr", "zarr"),
    "eccodes": ("preview GRIB", "grib"),
    "av": ("preview videos", "video"),
    "resvg-py": ("preview SVG", "svg"),
    "moto": ("run the sandbox", "sandbox"),
    "jupyterlab": ("show the side-bar panel", "lab"),
}
_PROGRAMS = {
    "fusermount3": ("mount as an ordinary user", "fuse3"),
    "git": ("keep linked tiles in git", "git"),
    "git-lfs": ("fill clones with linked tiles", "git-lfs"),
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
    """One thing looked for, and what it is good for.

    Parameters
    ----------
    name
        What it is called.
    present
        Whether it is there; None where it is not and nothing wants it.
    detail
        What it does, and how to get it.
    version
        Which one it is.
    """

    name: str
    present: bool | None
    detail: str
    version: str = ""

    def __str__(self) -> str:
        mark = "–" if self.present is None else "✓" if self.present else "✗"
        return f"{mark} {self.name:<22}{self.version:<12}{self.detail}"


def findings() -> list[Finding]:
    """Look at libraries, programs, FUSE and places of credentials; reads no secret."""
    found = [Finding("s3magic", present=True, detail=f"on Python {platform.python_version()}", version=__version__)]
    for name, (use, extra) in _LIBRARIES.items():
        version = _version(name)
        hint = "" if version else f" → pip install 's3magic[{extra}]'"
        found.append(Finding(name, bool(version), use + hint, version))
    for name, (use, package) in _PROGRAMS.items():
        present = find_program(name) is not None
        found.append(Finding(name, present, use + ("" if present else f" → apt install {package}")))
    device = Path("/dev/fuse")
    usable = device.exists() and os.access(device, os.R_OK | os.W_OK)
    without = "" if usable else " → missing, or no right to it; %s3mount --copy does without"
    found.append(Finding("/dev/fuse", usable, f"mount a bucket{without}"))
    for name, variable in (("config", "AWS_CONFIG_FILE"), ("credentials", "AWS_SHARED_CREDENTIALS_FILE")):
        path = Path(os.environ.get(variable) or f"~/.aws/{name}").expanduser()
        is_there = path.is_file()
        found.append(Finding(f"AWS {name} file", is_there or None, str(path) if is_there else f"none at {path}"))
    found += [Finding(name, present=True, detail="is set") for name in _VARIABLES if os.environ.get(name)]
    return found


def report() -> str:
    """Return the findings as text, a line each."""
    return "\n".join(map(str, findings()))


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
