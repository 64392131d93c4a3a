"""A colour bar as HTML: the colours, round values below them, the quantity and its units; knows no gallery."""

from __future__ import annotations

from html import escape

from s3magic.formats.colours import colour
from s3magic.html import number_text
from s3magic.thumbnails.scales import Scale

RULES = """.s3m-gallery .s3m-bars{display:flex;flex-wrap:wrap;gap:4px 28px;margin:0 0 10px;padding:0 14px}
.s3m-gallery .s3m-scale{flex:0 1 300px;min-width:200px;font-size:11px;line-height:1.4;color:var(--s3m-ink)}
.s3m-gallery .s3m-colours{height:10px;border-radius:2px;margin:1px 0}
.s3m-gallery .s3m-under{clip-path:polygon(0 50%,9px 0,100% 0,100% 100%,9px 100%)}
.s3m-gallery .s3m-over{clip-path:polygon(0 0,calc(100% - 9px) 0,100% 50%,calc(100% - 9px) 100%,0 100%)}
.s3m-gallery .s3m-under.s3m-over{clip-path:polygon(0 50%,9px 0,calc(100% - 9px) 0,100% 50%,calc(100% - 9px) 100%,
9px 100%)}
.s3m-gallery .s3m-ticks{position:relative;height:15px;color:var(--s3m-faint);
font-variant-numeric:tabular-nums}
.s3m-gallery .s3m-ticks span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.s3m-gallery .s3m-own{display:flex;align-items:center;gap:5px;color:var(--s3m-faint);font-size:10px;padding:3px 8px 0;
font-variant-numeric:tabular-nums;white-space:nowrap}
.s3m-gallery .s3m-own .s3m-colours{flex:1;height:6px;min-width:20px}
"""
_STOPS = 17


def bar(scale: Scale) -> str:
    """Return the bar of a scale that several pictures share."""
    span = scale.high - scale.low
    ticks = "".join(
        f'<span style="left:{100 * (value - scale.low) / span:.1f}%">{number_text(value)}</span>'
        for value in scale.ticks
    )
    beyond = (" s3m-under" if scale.under else "") + (" s3m-over" if scale.over else "")
    return (
        f'<div class="s3m-scale" role="img" aria-label="{escape(said(scale))}">{escape(_titled(scale))}'
        f'<div class="s3m-colours{beyond}" style="background:{_gradient(scale)}"></div>'
        f'<div class="s3m-ticks" aria-hidden="true">{ticks}</div></div>'
    )


def own_bar(scale: Scale) -> str:
    """Return the small bar of a scale that is one picture's alone."""
    return (
        f'<div class="s3m-own" role="img" aria-label="{escape(said(scale))}"><span>{number_text(scale.low)}</span>'
        f'<div class="s3m-colours" style="background:{_gradient(scale)}"></div>'
        f"<span>{number_text(scale.high)} {escape(scale.units)}</span></div>"
    )


def said(scale: Scale) -> str:
    """Return what a scale tells, in words."""
    return f"Colours: {_titled(scale)} from {number_text(scale.low)} to {number_text(scale.high)}"


def _titled(scale: Scale) -> str:
    return f"{scale.title} ({scale.units})" if scale.units else scale.title


def _gradient(scale: Scale) -> str:
    stops = (colour(at / (_STOPS - 1), signed=scale.signed) for at in range(_STOPS))
    return f"linear-gradient(90deg,{','.join('#' + bytes(one).hex() for one in stops)})"
