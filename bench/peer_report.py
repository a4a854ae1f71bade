"""What bench/peers makes of its runs: the bars' ratios, a table, JSON, HTML and plots."""

import html
import json
import pathlib
import statistics
import subprocess

GB_CPU = ("gateway", "cpu_seconds_per_gb")
CONNECTION_CPU = ("gateway", "cpu_us_per_connection")
ROUTE_BYTES = ("gateway", "memory_bytes_per_route")
STANZA_CPU = ("gateway", "cpu_us_per_stanza")

# bar: rows of (what, figure, unit, ours, against, how, limit).  how: "ratio" to the best of `against` in each round, or
# "value".  A limit of None: told, not judged.
BARS = {
	"small": [("CPU a GB, 300-byte stanzas each in its own TLS record, TLS to plain", GB_CPU, "s/GB", "sallyport",
	           ("haproxy", "nginx", "hitch", "stunnel"), "ratio", 0.50)],
	"single": [("the same, each record sent by itself (the generator's system calls set the pace)", GB_CPU, "s/GB", "sallyport",
	           ("haproxy", "nginx", "hitch", "stunnel"), "ratio", None)],
	"tls": [("CPU a GB, 300-byte stanzas each in its own TLS record, TLS to TLS", GB_CPU, "s/GB", "sallyport", ("haproxy", "nginx"), "ratio", 0.60)],
	"body": [("CPU a GB, 2 KiB bodies in full 16 KiB records, TLS to plain", GB_CPU, "s/GB", "sallyport", ("haproxy",),
	          "ratio", 1.00)],
	"mix": [("CPU a GB, the dense mix in full 16 KiB records, TLS to plain", GB_CPU, "s/GB", "sallyport", ("haproxy",),
	         "ratio", 1.50)],
	"handshake": [
		("CPU a whole stream set-up with client certificate, to the bare handshake", CONNECTION_CPU, "us", "sallyport",
		 ("bare",), "ratio", 1.30),
		("the same, to HAProxy with client certificates", CONNECTION_CPU, "us", "sallyport", ("haproxy",), "ratio", 1.00),
		("the same with direct TLS and one stream for all keys, to the bare handshake", CONNECTION_CPU, "us",
		 "sallyport direct", ("bare",), "ratio", None)],
	"idle": [("resident memory an idle route", ROUTE_BYTES, "KiB", "sallyport", ("haproxy", "nginx", "hitch", "stunnel"),
	          "value", 12 * 1024)],
	"latency": [(f"latency at half load, {name}", ("latency", key), "us", "sallyport", ("haproxy",), "ratio", 1.00)
	            for name, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"))],
	"open": [("cost of a stanza with many open routes, to few", STANZA_CPU, "us", "sallyport many", ("sallyport few",),
	          "ratio", 1.15)],
	"workers": [("throughput of two workers, to one", ("window", "stanzas_per_second"), "stanzas/s", "sallyport 2",
	             ("sallyport 1",), "ratio", -1.80)],  # below 0: at least
	"scanner": [("scanner on the dense mix, to libexpat in namespace mode", ("scanner", "dense mix"), "x", "sallyport",
	             (), "value", -15),
	            ("scanner on 2 KiB bodies", ("scanner", "2 KiB bodies"), "MB/s", "sallyport", (), "value", -5000)],
}
SCALE = {"KiB": 1024}


def figure(report, path, gateway=None):
	if gateway == "bare":
		path = ("bare", "server_us")
	value = report
	for key in path:
		value = value.get(key) if isinstance(value, dict) else None
	return value


def figure_text(bar, report):
	_, path, unit, *_ = BARS[bar][0]
	texts = []
	for row in BARS[bar] if bar == "latency" else BARS[bar][:1]:
		value = figure(report, row[1])
		texts.append("?" if value is None else f"{value / SCALE.get(unit, 1):.2f}")
	return f"{' '.join(texts)} {unit}"


def read_scanner(said):
	"""bench_xml's table: by sample, its best variant; the dense mix as a multiple of libexpat, bodies in MB/s."""
	found = {}
	for line in said.splitlines()[1:]:
		sample, variant, rest = line[:16].strip(), line[17:27].strip(), line[27:].split()
		name = sample or name
		if variant != "libexpat":
			found.setdefault(name, []).append((float(rest[0]), float(rest[2])))
	return {"dense mix": max(times for _, times in found["dense mix"]),
	        "2 KiB bodies": max(speed for speed, _ in found["2 KiB bodies"])}


def by_round(runs, bar, gateway, path):
	found = {}
	for run in runs:
		if run["bar"] == bar and run["gateway"] == gateway:
			value = figure(run["report"], path, gateway)
			if value:
				found[run["round"]] = value
	return found


def judge_row(runs, bar, row):
	"""One line of the result; None: it was not measured."""
	what, path, unit, ours, against, how, limit = row
	mine = by_round(runs, bar, ours, path)
	theirs = {name: by_round(runs, bar, name, path) for name in against}
	if not mine:
		return None
	ratios = []
	for n, value in mine.items():
		others = [found[n] for found in theirs.values() if n in found]
		if how == "ratio" and others:
			ratios.append(value / min(others))
	if how == "ratio" and not ratios:
		return None
	results = ratios if how == "ratio" else list(mine.values())
	middle = statistics.median(results)
	met = None if limit is None else middle >= -limit if limit < 0 else middle <= limit
	scale = SCALE.get(unit, 1)
	return {
		"bar": bar, "what": what, "how": how, "unit": unit, "limit": limit, "met": met is not False,
		"judged": limit is not None, "result": middle, "least": min(results), "most": max(results),
		"ours": statistics.median(mine.values()) / scale,
		"theirs": {name: statistics.median(found.values()) / scale for name, found in theirs.items() if found},
	}


def judge(runs, bars):
	rows = [judge_row(runs, bar, row) for bar in bars for row in BARS[bar]]
	return [row for row in rows if row is not None]


def limit_text(row):
	if row["limit"] is None:
		return ""
	sign, limit = (">=", -row["limit"]) if row["limit"] < 0 else ("<=", row["limit"])
	if row["how"] == "value":
		return f"{sign} {limit / SCALE.get(row['unit'], 1):g} {row['unit']}"
	return f"{sign} {limit:.2f} x"


def result_text(row):
	if row["how"] == "value":
		scale = SCALE.get(row["unit"], 1)
		return f"{row['result'] / scale:.2f} {row['unit']} ({row['least'] / scale:.2f}-{row['most'] / scale:.2f})"
	return f"{row['result']:.2f} x ({row['least']:.2f}-{row['most']:.2f})"


def cells(rows):
	yield "what", "bar", "median (range)", "met", "Sallyport", "the others"
	for row in rows:
		others = ", ".join(f"{name} {value:.3g}" for name, value in sorted(row["theirs"].items(), key=lambda i: i[1]))
		met = "" if not row["judged"] else "yes" if row["met"] else "NO"
		yield row["what"], limit_text(row), result_text(row), met, f"{row['ours']:.3g} {row['unit']}", others


def table(rows):
	lines = list(cells(rows))
	widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
	return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown(rows):
	lines = list(cells(rows))
	text = ["| " + " | ".join(line) + " |" for line in lines]
	return "\n".join([text[0], "|" + "---|" * len(lines[0]), *text[1:]]) + "\n"


def plots(options, runs, folder):
	"""SVG text by name, from the last round in which all took part."""
	made = {}
	for name, bar, kind in (("latency", "latency", "latency"), ("throughput", "small", "throughput"),
	                        ("memory", "idle", "memory")):
		last = max((r["round"] for r in runs if r["bar"] == bar), default=None)
		files = []
		for i, run in enumerate(r for r in runs if r["bar"] == bar and r["round"] == last):
			files.append(pathlib.Path(folder, f"plot{i}.json"))
			files[-1].write_text(json.dumps(run["report"]))
		if files:
			done = subprocess.run([options.bench, "plot", kind, *files], capture_output=True, text=True, check=True)
			made[name] = done.stdout
	return made


def describe(comparison, versions):
	"""Machine and versions, as lines."""
	env = next((r["report"]["environment"] for r in comparison.runs if "environment" in r["report"]), None)
	if env is None:
		return
	yield f"{env.get('cpu', '?')}, {env['cores']} cores, {env['memory_bytes'] / 2**30:.0f} GiB, {env['kernel']}"
	yield ", ".join(f"{name} {version}".strip() for name, version in versions.items())
	yield f"{comparison.options.rounds} rounds; load generator and gateway on the same machine, one worker each"
	shares = [s for s in (figure(r["report"], ("generator", "other_cpu_share")) for r in comparison.runs) if s is not None]
	if shares:
		yield f"other processes used {100 * statistics.median(shares):.0f} % of the machine meanwhile (median)"


def page(rows, comparison, versions, svgs, runs):
	lines = list(cells(rows))
	parts = ["<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Sallyport beside its peers</title>"
	         "<style>body{font:15px/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
	         "table{border-collapse:collapse;font-size:13px}td,th{padding:.3rem .8rem .3rem 0;text-align:left;"
	         "vertical-align:top;border-bottom:1px solid #ddd}.NO{background:#fbe3e0}svg{width:100%;height:auto}</style>"
	         "<h1>Sallyport beside its peers</h1>"]
	parts += [f"<p>{html.escape(line)}</p>" for line in describe(comparison, versions)]
	parts.append("<table>")
	for i, line in enumerate(lines):
		tag = "th" if i == 0 else "td"
		parts.append(f"<tr class='{line[3]}'>" + "".join(f"<{tag}>{html.escape(c)}" for c in line))
	parts.append("</table>")
	parts += svgs.values()
	parts += [f"<p>{html.escape(note)}</p>" for note in dict.fromkeys(comparison.notes)]
	document = json.dumps({"rows": rows, "versions": versions, "runs": runs}).replace("</", "<\\/")
	parts.append(f"<script type='application/json' id=report>{document}</script>")
	return "\n".join(parts)


def slim(report):
	"""Without what only plots need, and without the folders of this machine."""
	if not isinstance(report, dict):
		return report
	short = {k: slim(v) for k, v in report.items() if k not in ("series", "spectrum", "pki", "json")}
	if "command" in short:
		short["command"] = short["command"].split()[0].split("/")[-1]
	return short


def save(options, rows, comparison, versions):
	if not comparison.runs:
		return
	slim_runs = [{**run, "report": slim(run["report"])} for run in comparison.runs]
	out = pathlib.Path(options.out)
	out.mkdir(parents=True, exist_ok=True)
	svgs = plots(options, comparison.runs, comparison.place.folder)
	for name, svg in svgs.items():
		(out / f"{name}.svg").write_text(svg)
	(out / "peers.json").write_text(json.dumps(
		{"schema": "sallyport-peers/1", "rows": rows, "versions": versions, "notes": comparison.notes,
		 "runs": slim_runs}, separators=(",", ":")) + "\n")
	(out / "peers.html").write_text(page(rows, comparison, versions, svgs, slim_runs))
	notes = "".join(f"- {line}\n" for line in [*describe(comparison, versions), *dict.fromkeys(comparison.notes)])
	(out / "results.md").write_text(markdown(rows) + "\n" + notes)
