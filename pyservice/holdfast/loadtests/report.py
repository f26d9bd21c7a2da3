"""The report: one HTML file that needs nothing else, in Chinese and English."""

from collections.abc import Mapping, Sequence
from html import escape
from math import inf
from typing import Any, Final

from holdfast.loadtests.charts import COLOURS, Bar, Line, Mark, bars_chart, lines_chart
from holdfast.loadtests.verdict import CEILING, LEVEL, MARGIN, Judged, Verdict, judged_of

_TEXTS: Final = {
    "title": ("高峰演练", "Peak rehearsal"),
    "switch": ("English", "中文"),
    "checks": ("事实核对", "Checks of truth"),
    "checks_why": (
        "生成器得到的每个确认，事后都与引擎的回答逐一核对。",
        "Whatever the generator was told is compared with what the engine says afterwards.",
    ),
    "judged": ("比值判定", "Ratios that are judged"),
    "judged_why": (
        f"成对窗口之比的中位数与 {LEVEL:.0%} 自助法区间。整个区间在 ±{MARGIN:.0%} 之内才算 PASS，"
        f"全在之外为 FAIL，跨界为 INCONCLUSIVE；p99 以 {CEILING} 倍为上限，p99.9 仅供参考。"
        "灰线是同一方法对两个相同引擎（A/A）的噪声底。",
        f"The median of the ratios of paired windows, with its {LEVEL:.0%} bootstrap interval. PASS "
        f"only if the whole interval is within ±{MARGIN:.0%}, FAIL if all of it is outside, "
        f"INCONCLUSIVE if it straddles; p99 has a ceiling of {CEILING}, p99.9 is only reported. "
        "Grey: the same method on two engines that do not differ (A/A), the noise floor.",
    ),
    "rates": ("到达与完成的订单，每秒", "Orders offered and finished, a second"),
    "latency": ("延迟，毫秒（对数轴）", "Latency, milliseconds (logarithmic)"),
    "latency_why": (
        "“校正”从请求应当发出的时刻算起，“原始”从实际发出的时刻算起；二者相差很大时，等待发生在发送之前。",
        "“Corrected” runs from when a request was due, “raw” from when it was sent; where they "
        "differ much, the waiting was before the sending.",
    ),
    "lateness": ("到期释放的迟到，毫秒", "Lateness of the expiries, milliseconds"),
    "generator": ("生成器健康", "Health of the generator"),
    "journal": ("落盘耗时与每组记录数", "Time of an fsync, and records it makes durable"),
    "service": ("服务的处理器与内存", "Processor and memory of the service"),
    "kinds": ("按请求种类（毫秒）", "By kind of request (milliseconds)"),
    "facts": ("机器与命令", "Machine and command"),
    "offered": ("到达", "offered"),
    "finished": ("完成", "finished"),
    "corrected": ("校正", "corrected"),
    "raw": ("原始", "raw"),
}
_COLOUR_OF: Final = {
    Verdict.PASS: COLOURS[2],
    Verdict.FAIL: COLOURS[5],
    Verdict.INCONCLUSIVE: COLOURS[1],
    Verdict.GENERATOR_BOUND: COLOURS[3],
    None: COLOURS[4],
}
_STYLE: Final = """
:root{color-scheme:light}body{font:15px/1.5 system-ui,sans-serif;margin:24px auto;max-width:900px;
padding:0 16px;color:#1a1a1a;background:#fff}h1{margin:0}h2{margin:32px 0 4px}p{color:#555;margin:4px 0}
table{border-collapse:collapse;width:100%;margin:8px 0}td,th{text-align:left;padding:4px 8px;
border-bottom:1px solid #ddd;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.verdict{display:inline-block;padding:4px 14px;border-radius:4px;color:#fff;font-weight:700}
svg{width:100%;height:auto;margin:8px 0}svg text{font-size:12px;fill:#333}svg .small{font-size:11px}
svg .end{text-anchor:end}svg .middle{text-anchor:middle}svg .grid{stroke:#ddd}svg .line{fill:none;
stroke-width:1.6}svg .mark{fill:#eef3f9;stroke:#fff}svg .band{fill:#e3f1e8}svg .floor{stroke:#aaa;
stroke-width:4}button{float:right}body.en .zh,body.zh .en{display:none}
"""


def html_report(result: Mapping[str, Any], lang: str = "zh") -> str:
    """The whole page; `lang` is the language it opens in."""
    verdict = Verdict(result["verdict"])
    colour = _COLOUR_OF[verdict]
    parts = [
        f'<button type="button">{_both("switch")}</button>',
        f"<h1>{_both('title')} · {escape(str(result['profile']))}</h1>",
        f'<p><span class="verdict" style="background:{colour}">{verdict}</span> '
        f"{escape(str(result['at']))} · {result['orders']:,} orders · {result['requests']:,} requests"
        f" · {result['seconds']} s</p>",
        _checks(result),
        _judged([judged_of(found) for found in result["judged"]]),
        *_charts(result),
        _kinds(result["kinds"]),
        _facts(result),
    ]
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        f"<title>Holdfast · {escape(str(result['profile']))} · {verdict}</title>"
        f'<style>{_STYLE}</style></head><body class="{lang}">{"".join(parts)}'
        "<script>document.querySelector('button').onclick=()=>{const c=document.body.classList;"
        "c.toggle('zh');c.toggle('en')}</script></body></html>\n"
    )


def _both(key: str) -> str:
    chinese, english = _TEXTS[key]
    return f'<span class="zh">{escape(chinese)}</span><span class="en">{escape(english)}</span>'


def _section(key: str, *inside: str, why: str = "") -> str:
    body = "".join(inside)
    told = f"<p>{_both(why)}</p>" if why else ""
    return f"<h2>{_both(key)}</h2>{told}{body}" if body else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def cell(tag: str, value: object, place: int) -> str:
        number = ' class="n"' if place and isinstance(value, int | float) else ""
        return f"<{tag}{number}>{escape(str(value))}</{tag}>"

    lines = [(head, "th"), *((row, "td") for row in rows)]
    return (
        "<table>"
        + "".join(
            f"<tr>{''.join(cell(tag, value, place) for place, value in enumerate(line))}</tr>"
            for line, tag in lines
        )
        + "</table>"
    )


def _checks(result: Mapping[str, Any]) -> str:
    marks = {True: "PASS", False: "FAIL", None: ""}
    rows = [(check["name"], marks[check["ok"]], check["detail"]) for check in result["checks"]]
    return _section("checks", _table(("", "", ""), rows), why="checks_why")


def _judged(found: Sequence[Judged]) -> str:
    if not found:
        return ""
    bars = [
        Bar(
            one.name,
            one.low,
            one.ratio,
            one.high if one.high < inf else one.ratio,
            _COLOUR_OF[one.verdict],
            (one.control.low, one.control.high) if one.control and one.control.high < inf else None,
        )
        for one in found
        if one.high < inf
    ]
    rows = [
        (one.name, one.n, f"{one.ratio:.4f}", _interval(one), str(one.verdict or ""), _floor(one))
        for one in found
    ]
    table = _table(("", "n", "ratio", f"{LEVEL:.0%}", "", "A/A"), rows)
    chart = bars_chart(bars, low=1 - MARGIN, high=1 + MARGIN)
    return _section("judged", chart, table, why="judged_why")


def _interval(one: Judged) -> str:
    return f"{one.low:.4f} … {one.high:.4f}" if one.high < inf else "too few pairs"


def _floor(one: Judged) -> str:
    return f"{one.control.ratio:.4f} ({_interval(one.control)})" if one.control else ""


def _charts(result: Mapping[str, Any]) -> list[str]:
    time = result["over_time"]
    marks = [
        Mark(part["name"], part["start"], part["start"] + part["seconds"])
        for part in result["segments"]
    ] + [Mark("", at, at + 1.0) for at in result["storms"]]
    rates = [
        Line("offered", [(second, offered) for second, offered, _ in time["rates"]]),
        Line("finished", [(second, done) for second, _, done in time["rates"]]),
    ]
    latency = [
        Line(f"{share} {name}", [(row["at"], row[share]) for row in time[name]], name == "raw")
        for name in ("corrected", "raw")
        for share in ("p50", "p95", "p99")
    ]
    seconds = result["generator"]["seconds"]
    generator = [
        Line("CPU × 100", [(second, cpu * 100) for second, cpu, _ in seconds]),
        Line("lag p95, ms", [(second, lag) for second, _, lag in seconds]),
    ]
    told = time["service"]
    journal = [
        Line(name, _row(told, key)) for name, key in (("fsync, ms", "fsync_ms"), ("group", "group"))
    ]
    service = [Line("CPU × 100", [(row["at"], row["cpu"] * 100) for row in told])]
    service.append(Line("MiB", _row(told, "resident_mib")))
    lateness = [
        Line(
            f"storm {number + 1}",
            [(place / max(len(late) - 1, 1) * 100, ms) for place, ms in enumerate(late)],
        )
        for number, late in enumerate(result["lateness_ms"])
    ]
    return [
        _section("rates", lines_chart(rates, unit="", marks=marks)),
        _section(
            "latency",
            lines_chart(latency, unit="ms", marks=marks, logarithmic=True),
            why="latency_why",
        ),
        _section("lateness", lines_chart(lateness, unit="ms / %")),
        _section("generator", lines_chart(generator, unit="", marks=marks)),
        _section("journal", lines_chart(journal, unit="", marks=marks)),
        _section("service", lines_chart(service, unit="", marks=marks)),
    ]


def _row(told: Sequence[Mapping[str, float]], key: str) -> list[tuple[float, float]]:
    return [(row["at"], row[key]) for row in told if key in row]


def _kinds(kinds: Mapping[str, Any]) -> str:
    shares = ("p50", "p95", "p99", "p99.9", "max")
    rows = [
        (
            f"{kind} ({name})",
            int(found[name]["n"]),
            *(round(found[name][share], 2) for share in shares),
            " ".join(f"{code}:{count}" for code, count in found["codes"].items()),
        )
        for kind, found in kinds.items()
        for name in ("corrected", "raw")
    ]
    return _section("kinds", _table(("", "n", *shares, "codes"), rows))


def _facts(result: Mapping[str, Any]) -> str:
    keys = ("run", "seed", "front", "target", "workers")
    rows = [(key, result[key]) for key in keys] + list(result["machine"].items())
    return _section("facts", _table(("", ""), rows))
