"""Drawings: what they show, and what they must never do."""

from __future__ import annotations

import base64
import gzip
import io

import numpy as np
import pytest
from more_samples import SVG
from PIL import Image, ImageDraw

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="40" height="20" viewBox="0 0 40 20">'
)


def expected(size=(160, 80)):
    """The left half red, the right one blue, as Pillow draws them."""
    image = Image.new("RGBA", size, (0, 0, 255, 255))
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1]), fill=(255, 0, 0, 255))
    return np.asarray(image).astype(int)


def png(width=4, height=4, colour=(0, 200, 0)):
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(("name", "data"), [("a.svg", SVG.encode()), ("a.svgz", gzip.compress(SVG.encode()))])
def test_a_drawing_looks_as_it_says(preview, describe, name, data):
    found, pixels = preview(data, name)
    assert (found.width, found.height, found.source, found.caption) == (160, 80, "whole", "40 x 20, SVG")
    assert np.abs(pixels - expected()).max() <= 2
    assert (describe(data, name).format, describe(data, name).dimensions) == ("svg", "40x20")


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('viewBox="0 0 100 200"', (80, 160)),
        ('viewBox="-5,-5,10,1000"', (2, 160)),
        ('width="3in" height="1in"', (160, 53)),
        ('width="100%" height="100%" viewBox="0 0 30 10"', (160, 53)),
        ('width="1e9" height="1e9"', (160, 160)),
        ("", (160, 160)),
    ],
)
def test_sizes(preview, attributes, size):
    data = f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}><rect width="9e9" height="9e9" fill="red"/></svg>'
    found, _ = preview(data.encode(), "a.svg")
    assert (found.width, found.height) == size


def test_nothing_from_elsewhere_is_shown(preview, tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "secret.svg").write_text(SVG)
    body = "".join(
        f'<{tag} {link}="{target}" x="0" y="0" width="40" height="20"/>'
        for tag in ("image", "use", "feImage")
        for link in ("href", "xlink:href")
        for target in (f"file://{tmp_path}/secret.png", f"{tmp_path}/secret.png", f"{tmp_path}/secret.svg#half",
                       "http://127.0.0.1:9/x.png", "secret.png", "data:image/svg+xml;base64,PHN2Zy8+")
    )  # fmt: skip
    body += f'<rect width="40" height="20" fill="url({tmp_path}/secret.svg#half)"/>'
    body += (
        f'<style>@import url("file://{tmp_path}/a.css"); .c{{fill:url("file://{tmp_path}/secret.svg#half")}}</style>'
    )
    body += '<rect class="c" width="40" height="20" fill="none"/>'
    _, pixels = preview(f"{HEAD}{body}</svg>".encode(), "a.svg")
    assert set(np.unique(pixels[..., 3])) <= {0, 255}
    assert not (pixels[..., 1] > 100).any()
    assert not ((pixels[..., 0] > 100) & (pixels[..., 3] > 0)).any()


def test_pictures_within_are_shown_unless_they_are_bombs(preview):
    link = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    _, pixels = preview(f'{HEAD}<image href="{link}" width="40" height="20"/></svg>'.encode(), "a.svg")
    assert (pixels[20:60, 60:100] == (0, 200, 0, 255)).all()
    bomb = bytearray(png())
    bomb[16:24] = (100_000).to_bytes(4, "big") * 2
    link = f"data:image/png;base64,{base64.b64encode(bytes(bomb)).decode()}"
    _, pixels = preview(f'{HEAD}<image href="{link}" width="40" height="20"/></svg>'.encode(), "a.svg")
    assert pixels[..., 3].max() == 0


def test_styles_bound_to_classes_stay(preview):
    gradient = '<linearGradient id="g"><stop stop-color="red"/><stop offset="1" stop-color="red"/></linearGradient>'
    data = f'{HEAD}{gradient}<style>/* x */ .a, .b {{ fill: url(#g) }}</style><rect class="b" width="40" height="20"/>'
    _, pixels = preview(f"{data}</svg>".encode(), "a.svg")
    assert (pixels[40, 80] == (255, 0, 0, 255)).all()


@pytest.mark.parametrize(
    "part",
    [
        f'<rect fill="url({" " * 500_000})"/>',
        f'<rect fill="{"url(" * 400_000}"/>',
        f"<style>{'a' * 1_500_000}</style>",
        f"<style>{'{' * 1_500_000}</style>",
        f"<style>{'/*' * 700_000}</style>",
    ],
    ids=lambda part: part[:24],
)
def test_what_has_no_end_is_not_searched_again_and_again(preview, part):
    _, pixels = preview(f'{HEAD}<rect width="40" height="20" fill="red"/>{part}</svg>'.encode(), "a.svg")
    assert (pixels[40, 80] == (255, 0, 0, 255)).all()


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("/* a */.b{fill:red}/**//*/ c */.d{fill:blue}", ".b{fill:red}\n.d{fill:blue}"),
        ("@media all{.a{fill:red}}.b{fill:blue}", ".a{fill:red}\n.b{fill:blue}"),
        (".a{fill:red}/* .b{fill:blue}", ".a{fill:red}"),
        ("fill:red}.a{fill:blue}.b{fill:", ".a{fill:blue}"),
        ("""#a{fill:url(#g)}.b{fill:url("#g" )}.c{fill:url(g)}.d{fill:url(#g(}""", """.b{fill:url("#g" )}"""),
    ],
)
def test_of_a_style_sheet_plain_rules_stay(style, kept):
    from s3magic.formats.svg_clean import clean

    assert f"<ns0:style>{kept}</ns0:style>" in clean(f"{HEAD}<style>{style}</style></svg>".encode())


def test_scripts_and_foreign_parts_are_left_out():
    from s3magic.formats.svg_clean import clean

    data = (
        f'{HEAD}<script>alert(1)</script><rect onclick="x()" onLoad="y()" width="1" height="1"/><foreignObject>'
        '<body xmlns="http://www.w3.org/1999/xhtml"><script>x</script></body></foreignObject>'
        '<a href="javascript:x()"><set attributeName="href" to="http://x"/></a></svg>'
    )
    text = clean(data.encode())
    assert "rect" in text
    assert not any(word in text.lower() for word in ("script", "onclick", "onload", "foreign", "body", "set", "href"))


def nested(kind):
    """Ten things each of which is made of ten of the next, twelve times over."""
    parts = {
        "use": ('<g id="p{0}">{1}</g>', '<use href="#p{0}"/>', '<use href="#p0"/>'),
        "pattern": (
            '<pattern id="p{0}" width="1" height="1">{1}</pattern>',
            '<rect fill="url(#p{0})" width="1" height="1"/>',
            '<rect fill="url(#p0)" width="5" height="5"/>',
        ),
        "style": (
            '<pattern id="p{0}" width="1" height="1">{1}</pattern><style>.c{0}{{{{fill:url(#p{0})}}}}</style>',
            '<rect class="c{0}" width="1" height="1"/>',
            '<rect class="c0" width="5" height="5"/>',
        ),
    }[kind]
    outer = parts[0].replace("{{{{", "{{").replace("}}}}", "}}")
    return HEAD + "".join(outer.format(n, parts[1].format(n + 1) * 10) for n in range(12)) + parts[2] + "</svg>"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        + HEAD
        + "<text>&b;</text></svg>",
        f'<!DOCTYPE svg [<!ENTITY a "{"&" * 1_500_000}',
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + HEAD + "<text>&a;</text></svg>",
        '<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://127.0.0.1/">%a;]>' + HEAD + "</svg>",
        f'<!DOCTYPE svg [<!ENTITY a "{"a" * 100_000}">]>{HEAD}<text>{"&a;" * 100_000}</text></svg>',
        HEAD + '<g id="a"><use href="#a"/></g></svg>',
        HEAD + '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g></svg>',
        HEAD + "<g>" * 100_000,
        HEAD + "<g>" * 5000 + "</g>" * 5000 + "</svg>",
        HEAD + "".join(f'<g id="g{n}"><use href="#g{n + 1}"/></g>' for n in range(5000)) + "</svg>",
        HEAD + "<g/>" * 60_000 + "</svg>",
        nested("use"),
        nested("pattern"),
        nested("style"),
        nested("use").replace("</svg>", "".join(f'<g id="p{n}"/>' for n in range(13)) + "</svg>"),
        "<html><svg></svg></html>",
        "<svg/>",
        HEAD,
        "x" * 3_000_000,
    ],
    ids=lambda text: text[:60].replace("/", "-"),
)
def test_hostile_drawings_are_refused(preview, text):
    with pytest.raises(UnreadableFormat, match=r"a\.svg") as error:
        preview(text.encode(), "a.svg")
    assert error.value.hint


def test_what_unpacks_to_gigabytes_is_refused():
    bomb = gzip.compress(HEAD.encode() + b" " * 50_000_000)
    with pytest.raises(UnreadableFormat, match="Not readable as SVG"):
        registry.find("a.svgz").preview(io.BytesIO(bomb))
