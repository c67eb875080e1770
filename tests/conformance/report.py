"""The table of conformance results in README.md, made from the result files of the last runs."""

import json
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
REVISIONS = ("2025-11-25", "2026-07-28")


def _cell(result):
    if result is None:
        return "–"
    scenarios = result["scenarios"]
    asked = [x for x in scenarios if x not in result["exempt"]]
    passed = sum(scenarios[x]["passed"] for x in asked)
    exempt = len(scenarios) - len(asked)
    # An exempt one that passes all the same is worth nothing here.
    return f"{passed}/{len(asked)}" + (f" ({exempt} exempt)" if exempt else "")


def _results(folder, side):
    found = {}
    for file in folder.glob(f"{side}-*.json"):
        result = json.loads(file.read_text(encoding="utf-8"))
        found.setdefault(result["title"], {})[result["revision"]] = result
    return found


def table(folder):
    lines = ["| scored scenarios that pass | " + " | ".join(REVISIONS) + " |", "|---|---|---|"]
    notes = []
    for side in ("server", "client"):
        for title, by_revision in sorted(_results(folder, side).items()):
            cells = [_cell(by_revision.get(x)) for x in REVISIONS]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
            for revision, result in sorted(by_revision.items()):
                if result["failing"]:
                    notes.append(f"- failing ({title}, {revision}): "
                                 + ", ".join(f"`{x}`" for x in result["failing"]))
                notes += [f"- exempt ({title}, {revision}): `{name}` {why}."
                          for name, why in result["exempt"].items()]
    return "\n".join(lines + [""] * bool(notes) + notes)


def update_readme(folder, readme=README):
    """Replaces what is between the markers."""
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{table(folder)}\n{END}{after}", encoding="utf-8")
