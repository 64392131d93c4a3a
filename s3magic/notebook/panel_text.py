"""The words and colours of the credential panel, as HTML; no widgets, and nothing secret comes this way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3magic.access.explanation import Explanation
    from s3magic.access.identity import Identity
    from s3magic.access.light import Light
    from s3magic.access.permissions import PermissionReport

STYLE = """<style>
.s3m-panel{container-type:inline-size;
box-sizing:border-box;width:100%;max-width:46em;padding:14px 18px 16px;overflow:hidden;
border:1px solid var(--jp-border-color2,#8886);border-radius:6px;background:var(--jp-layout-color1,transparent)}
.s3m-panel .widget-html,.s3m-panel .widget-html>div{height:auto;min-width:0;margin:0;overflow:visible}
.s3m-panel .widget-html-content{line-height:1.5;font-size:13px;color:var(--jp-ui-font-color1,inherit);
overflow-wrap:anywhere;white-space:normal}
.s3m-panel .widget-label{color:var(--jp-ui-font-color1,inherit)}
.s3m-panel .widget-box{overflow:visible;margin:0}
.s3m-panel .s3m-fields{margin-top:6px}
.s3m-panel .s3m-row{flex-flow:row wrap;align-items:center}
.s3m-panel .s3m-row>.widget-text{flex:1 1 18em;min-width:0}
.s3m-panel .s3m-row>.widget-html{flex:1 1 10em;margin-left:10px}
.s3m-panel .widget-toggle-buttons{height:auto;margin:10px 0 4px}
.s3m-panel .widget-toggle-button{width:auto;padding:0 13px;margin:0 5px 5px 0;border-radius:4px;box-shadow:none}
.s3m-panel .widget-toggle-button.mod-active{background:var(--jp-brand-color1,#1976d2);color:#fff}
.s3m-panel .widget-button.s3m-go{width:auto;min-width:7em;align-self:flex-start;padding:0 16px;border-radius:4px;
box-shadow:none}
.s3m-panel .widget-button.s3m-more{align-self:flex-start;width:auto;padding:0 2px;background:none;box-shadow:none;
color:var(--jp-content-link-color,#1976d2)}
.s3m-panel .s3m-row>.s3m-more{margin-right:18px}
.s3m-panel .s3m-few .widget-toggle-button:nth-child(n+6):not(.mod-active){display:none}
.s3m-panel .s3m-fold{border-left:1px solid var(--jp-border-color2,#8886);padding-left:12px;margin:2px 0 8px}
.s3m-panel .s3m-order{margin:2px 0 10px}
.s3m-panel .s3m-order .s3m-row>.widget-html{flex:0 1 12em;margin-left:0}
.s3m-panel .widget-button.s3m-small{width:28px;padding:0;background:none;box-shadow:none;font-size:0}
.s3m-panel .s3m-small::before{font-size:15px}
.s3m-panel .s3m-up::before{content:"↑"}
.s3m-panel .s3m-down::before{content:"↓"}
.s3m-panel .s3m-gone::before{content:"×"}
.s3m-panel .s3m-copy textarea{font-family:var(--jp-code-font-family,monospace);font-size:12px;line-height:1.4;
white-space:pre;resize:vertical;overflow:auto}
.s3m-panel .s3m-copy .widget-label{display:none}
.s3m-panel .s3m-copy{margin-top:4px}
.s3m-panel .s3m-try{border-top:1px solid var(--jp-border-color2,#8886);margin-top:12px;padding-top:12px}
.s3m-panel :is(button,input,select,textarea):focus-visible{
outline:2px solid var(--jp-brand-color1,#1976d2)!important;outline-offset:1px}
.s3m-panel .s3m-head{font-size:15px;font-weight:600;margin-bottom:4px}
.s3m-panel .s3m-quiet{color:var(--jp-ui-font-color2,#777)}
.s3m-panel .s3m-who{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:1px 16px}
.s3m-panel .s3m-who b{font-weight:400;color:var(--jp-ui-font-color2,#777)}
.s3m-panel .s3m-arn{font-family:var(--jp-code-font-family,monospace);font-size:12px;line-height:19px}
.s3m-panel .s3m-box{border-left:3px solid var(--s3m-c,#8886);padding:0 0 0 12px;margin:2px 0}
.s3m-panel .s3m-lamp{display:grid;grid-template-columns:10px 5.4em 5.6em minmax(0,1fr);gap:0 10px;margin-top:3px}
.s3m-panel .s3m-steps{display:grid;grid-template-columns:10px minmax(6em,max-content) max-content minmax(8em,1fr);
gap:2px 12px}
.s3m-panel .s3m-steps i{width:8px;height:8px;margin-top:6px;border-radius:50%;background:var(--s3m-c)}
.s3m-panel .s3m-steps em{font-style:normal;color:var(--s3m-c)}
.s3m-panel .s3m-lamp i{width:10px;height:10px;margin-top:5px;border-radius:50%;background:var(--s3m-c)}
.s3m-panel .s3m-lamp b{font-weight:600}
.s3m-panel .s3m-lamp em{font-style:normal;font-weight:600;color:var(--s3m-c)}
.s3m-panel .s3m-good{--s3m-c:var(--jp-success-color1,#2e7d32)}
.s3m-panel .s3m-bad{--s3m-c:var(--jp-error-color1,#d32f2f)}
.s3m-panel .s3m-odd{--s3m-c:var(--jp-warn-color0,#c75300)}
.s3m-panel .s3m-off{--s3m-c:var(--jp-ui-font-color2,#777)}
.s3m-panel .s3m-late{color:var(--jp-error-color1,#d32f2f)}
.s3m-panel .s3m-spin{display:inline-block;width:11px;height:11px;margin-right:8px;border-radius:50%;vertical-align:-1px;
border:2px solid var(--jp-border-color2,#8886);border-top-color:var(--jp-brand-color1,#1976d2);
animation:s3m-turn 1s linear infinite}
@container (max-width:400px){
.s3m-panel .s3m-lamp{grid-template-columns:10px 5.4em minmax(0,1fr)}
.s3m-panel .s3m-lamp span{grid-column:2/-1}
.s3m-panel .s3m-steps{grid-template-columns:10px minmax(0,1fr) max-content}
.s3m-panel .s3m-steps span+em+span{grid-column:2/-1}
.s3m-panel .widget-inline-hbox:not(.widget-checkbox){flex-flow:row wrap;height:auto}
.s3m-panel .widget-inline-hbox:not(.widget-checkbox)>.widget-label{width:100%!important;text-align:left}
.s3m-panel .widget-dropdown select{flex:1 1 auto;height:28px}
.s3m-panel .widget-checkbox>.widget-label:first-child{display:none}
.s3m-panel .s3m-order .s3m-row{flex-wrap:nowrap}
}
@keyframes s3m-turn{to{transform:rotate(1turn)}}
@media (prefers-reduced-motion:reduce){.s3m-panel .s3m-spin{animation:none}}
</style>"""

_OUTCOMES = {"found": "good", "failed": "bad"}
_COLOURS = {"ok": "good", "denied": "bad", "error": "bad", "unknown": "odd"}
_HOUR, _DAY = 3600, 86400


def head(text: str) -> str:
    """Return the title of a part of the panel."""
    return f'<div class="s3m-head">{escape(text)}</div>'


def quiet(text: str) -> str:
    """Return a remark."""
    return f'<div class="s3m-quiet">{escape(text)}</div>'


def asking(text: str = "asking …") -> str:
    """Return the sign that an answer is on its way."""
    return f'<div role="status" class="s3m-quiet"><span class="s3m-spin"></span>{escape(text)}</div>'


def trouble(lines: Sequence[str]) -> str:
    """Return what happened, and what to do."""
    first, *rest = lines
    below = "".join(f'<div class="s3m-quiet">{escape(line)}</div>' for line in rest)
    return f'<div role="alert" class="s3m-box s3m-bad"><div>{escape(first)}</div>{below}</div>'


def who(identity: Identity, where: str, *, now: datetime | None = None) -> str:
    """Return who asks S3: account, ARN, where from, and until when."""
    rows = [
        ("Identity", f'<span class="s3m-arn">{escape(identity.arn)}</span>' if identity.arn else ""),
        ("Account", escape(identity.account or "")),
        ("From", escape(identity.provider)),
        ("At", escape(where)),
        ("Expires", countdown(identity.expires, now=now) if identity.expires else ""),
        ("Note", escape(identity.note)),
    ]
    cells = "".join(f"<b>{name}</b><span>{value}</span>" for name, value in rows if value)
    colour = "good" if identity.arn or identity.provider == "anonymous" else "odd"
    return f'<div class="s3m-box s3m-{colour}"><div class="s3m-who">{cells}</div></div>'


def countdown(expires: datetime, *, now: datetime | None = None) -> str:
    """Return how long credentials live on, in words that change once a minute."""
    left = int((expires - (now or datetime.now(UTC))).total_seconds())
    if left <= 0:
        return '<span class="s3m-late">expired: choose again</span>'
    if left < 60:  # a minute
        return "in less than a minute"
    hours, minutes = left // _HOUR, left % _HOUR // 60
    text = (
        f"in {left // _DAY} days"
        if left >= 2 * _DAY
        else f"in {hours} h {minutes} min"
        if hours
        else f"in {minutes} min"
    )
    return f"{text} ({expires.astimezone():%H:%M})" if left < _DAY else text


def lights(report: PermissionReport) -> str:
    """Return the lights that were tried, each a dot, a word and the reason."""
    return "".join(lamp(name, light) for name, light in report.lights() if light.state != "unchecked")


def lamp(name: str, light: Light) -> str:
    """Return one light."""
    colour = _COLOURS.get(light.state, "off")
    return (
        f'<div class="s3m-lamp s3m-{colour}"><i></i><b>{escape(name)}</b><em>{escape(light.state)}</em>'
        f'<span class="s3m-quiet">{escape(light.detail or "")}</span></div>'
    )


def steps(explanation: Explanation) -> str:
    """Return why this identity: each provider in order and what came of it."""
    cells = "".join(
        f'<i class="{colour}"></i><span>{escape(step.provider)}</span><em class="{colour}">{escape(step.outcome)}</em>'
        f'<span class="s3m-quiet">{escape(step.detail)}</span>'
        for step in explanation.steps
        for colour in [f"s3m-{_OUTCOMES.get(step.outcome, 'off')}"]
    )
    return f'<div class="s3m-steps">{cells}</div>{quiet(explanation.note) if explanation.note else ""}'


def numbered(number: int, name: str) -> str:
    """Return one provider of an order."""
    return f'<span class="s3m-quiet">{number}.</span> {escape(name)}'


def fault(lines: Sequence[str]) -> str:
    """Return what cannot be, as told to somebody who is still typing."""
    first, *rest = map(escape, lines)
    return f'<div role="status" class="s3m-box s3m-odd">{first}. <span class="s3m-quiet">{" ".join(rest)}</span></div>'
