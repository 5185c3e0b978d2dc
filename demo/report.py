# SPDX-License-Identifier: Apache-2.0
"""The page of a run: one self-contained HTML file, no network, light and dark."""
import html
import statistics

from . import charts, meter
from .act import FOREIGN_PERCENT

SMOOTH_SECONDS = 1.0  # compute is shown as the mean over the last second

STYLE = """
:root { color-scheme: light dark; --ground:#fbfbf9; --card:#ffffff; --ink:#1c1f1a; --soft:#62685e;
  --rule:#e3e5df; --good:#2c7a3f; --bad:#b3261e; --code:#f3f4f0;
  --c1:#2f6fb7; --c2:#c2571a; --c3:#3d8b40; --c4:#8a4fb0; --c5:#a8870a; --c6:#b03060; --c7:#8b9086; }
@media (prefers-color-scheme: dark) { :root { --ground:#14160f; --card:#1c1f17; --ink:#e9ebe4;
  --soft:#9aa192; --rule:#30352a; --good:#7fce8e; --bad:#ff8a80; --code:#23271d;
  --c1:#7db4f0; --c2:#f0a06a; --c3:#8ed190; --c4:#c79be6; --c5:#e0c24d; --c6:#ee85ad; --c7:#757b6d; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--ground); color:var(--ink); font:16px/1.5 system-ui,sans-serif; }
main { max-width:820px; margin:0 auto; padding:40px 20px 64px; }
h1 { font-size:30px; line-height:1.2; margin:0 0 8px; } h2 { font-size:20px; margin:0 0 4px; }
.lead { color:var(--soft); margin:0 0 16px; } .num { color:var(--soft); font-weight:400; }
p.verdict { font-size:18px; font-weight:600; margin:20px 0; }
.good { color:var(--good); } .bad { color:var(--bad); }
section { background:var(--card); border:1px solid var(--rule); border-radius:10px;
  padding:20px 22px; margin:20px 0; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; width:100%; font-size:14px; }
th { text-align:left; color:var(--soft); font-weight:500; }
th,td { padding:5px 14px 5px 0; border-bottom:1px solid var(--rule); vertical-align:top; }
tr:last-child td { border-bottom:0; } td { font-variant-numeric:tabular-nums; }
td.asked, td.verdict { white-space:nowrap; }
figure { margin:14px 0 6px; } figcaption { font-size:13px; color:var(--soft); }
svg { width:100%; height:auto; display:block; }
svg text { font:11px system-ui,sans-serif; fill:var(--soft); }
svg text.label { font-size:12px; fill:var(--ink); }
svg .grid { stroke:var(--rule); } svg .mark { stroke:var(--soft); stroke-dasharray:2 3; }
svg .line { fill:none; stroke-width:2; stroke-linejoin:round; }
svg .asked { fill:none; stroke-width:1.6; stroke-dasharray:6 4; opacity:.75; }
details { margin-top:12px; font-size:14px; } summary { cursor:pointer; color:var(--soft); }
pre { background:var(--code); border-radius:6px; padding:10px 12px; overflow-x:auto; font-size:12.5px;
  line-height:1.45; } pre .cmd { font-weight:600; }
dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 18px; font-size:14px;
  color:var(--soft); margin:0; } dd { margin:0; color:var(--ink); }
"""


def _compute_points(samples: list, name: str, scene) -> list:
    """Percent of the machine over the last second, at each sample of the scene."""
    points = []
    begin = 0
    for i, sample in enumerate(samples):
        while samples[begin].t < sample.t - SMOOTH_SECONDS:
            begin += 1
        alive = name in sample.resident_bytes
        if not alive or begin == i or not scene.start <= sample.t <= scene.end:
            continue
        points.append((sample.t - scene.start, meter.Window(samples[begin], sample).percent(name)))
    return points


def _foreign_line(samples: list, scene) -> list:
    """What other programs used of the machine, where that is enough to disturb."""
    inside = [s for s in samples if scene.start <= s.t <= scene.end]
    windows = [meter.Window(inside[max(i - 5, 0)], inside[i]) for i in range(1, len(inside))]
    points = [(w.last.t - scene.start, w.foreign_percent) for w in windows]
    if not points or statistics.median(value for _, value in points) <= FOREIGN_PERCENT:
        return []
    return [charts.Line("other programs", points, [], 7)]


def _memory_points(samples: list, name: str, scene) -> list:
    """From its start to its end, and the drop to nothing after it."""
    points = []
    for sample in samples:
        if not scene.start <= sample.t <= scene.end:
            continue
        resident = sample.resident_bytes.get(name, 0) / 2**20
        if resident or (points and points[-1][1]):
            points.append((sample.t - scene.start, resident))
    return points


def _steps(scene, steps: list) -> list:
    return [(t - scene.start, value) for t, value in steps]


def _lines(scene, samples: list, kind: str) -> list:
    lines = []
    for number, track in enumerate(scene.tracks.values()):
        points = (_compute_points if kind == "compute" else _memory_points)(samples, track.name, scene)
        asked = track.asked_percent if kind == "compute" else track.limit_mib
        if points:
            lines.append(charts.Line(track.label, points, _steps(scene, asked), number % 6 + 1))
    return lines


def _plots(scene, samples: list) -> str:
    drawn = []
    notes = [(t - scene.start, text) for t, text in scene.notes]
    for kind in scene.plots:
        lines = _lines(scene, samples, kind)
        if not lines:
            continue
        if kind == "compute":
            lines += _foreign_line(samples, scene)
            title, unit, top = "Compute, % of the machine", "%", 100.0
        else:
            title, unit = "Resident memory of each program, MiB (the program itself included)", "MiB"
            values = [v for line in lines for _, v in line.points + line.asked if v is not None]
            top = max(values + [1.0]) * 1.1
        if any(line.asked for line in lines):
            title += "; dashed: what it was given"
        drawn.append(charts.plot(title, unit, lines, notes, scene.end - scene.start, top))
    return "".join(drawn)


def _table(checks: list) -> str:
    """Rows of (scene number or None, check)."""
    rows = []
    for number, check in checks:
        what = html.escape(check.what if number is None else f"{number}  {check.what}")
        verdict = '<span class="good">kept</span>' if check.kept else '<span class="bad">not kept</span>'
        rows.append(f'<tr><td>{what}</td><td class="asked">{html.escape(check.asked_in_full)}</td>'
                    f'<td class="measured">{html.escape(check.measured)}</td>'
                    f'<td class="verdict">{verdict}</td></tr>')
    return ('<div class="scroll"><table><tr><th></th><th>asked</th><th>measured</th><th></th></tr>'
            f'{"".join(rows)}</table></div>')


def _transcript(scene) -> str:
    out = []
    for kind, text in scene.lines:
        escaped = html.escape(text)
        out.append({"command": f'<span class="cmd">$ {escaped}</span>', "quoted": escaped,
                    "tabular": escaped, "plain": f"# {escaped}"}[kind])
    if not out:
        return ""
    open_at_once = "" if scene.plots or scene.checks else " open"
    return (f"<details{open_at_once}><summary>What was typed and said</summary>"
            f"<pre>{chr(10).join(out)}</pre></details>")


def _scene(scene, samples: list) -> str:
    table = _table([(None, check) for check in scene.checks]) if scene.checks else ""
    return (f'<section><h2><span class="num">{scene.number}</span> {html.escape(scene.title)}</h2>'
            f'<p class="lead">{html.escape(scene.lead)}</p>{_plots(scene, samples)}{table}'
            f"{_transcript(scene)}</section>")


def _verdict(story) -> str:
    return f'<p class="verdict {"bad" if story.broken else "good"}">{html.escape(story.verdict)}</p>'


def render(story, samples: list) -> str:
    facts = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in story.facts)
    every = _table([(scene.number, check) for scene, check in story.checks])
    return (f"<!doctype html><html lang=en><head><meta charset=utf-8><title>Melon: asked and measured"
            '</title><meta name=viewport content="width=device-width,initial-scale=1">'
            f"<style>{STYLE}</style></head><body><main><h1>Melon: asked and measured</h1>"
            '<p class="lead">Melon lets many programs share one device, each with a hard memory limit and '
            "an honest share of its compute. This page shows one run of real programs on a real device: "
            "this machine's CPU through OpenCL (PoCL), not a GPU. Every figure is taken from outside: CPU "
            "time and resident memory as the kernel counts them for each program, compute as the part of "
            "all cores together that the driver's threads took, which run its kernels."
            f"</p>{_verdict(story)}<section><h2>Everything that was asked</h2>{every}"
            f"</section>{''.join(_scene(scene, samples) for scene in story.scenes)}"
            f"<section><h2>This run</h2><dl>{facts}</dl></section></main></body></html>\n")
