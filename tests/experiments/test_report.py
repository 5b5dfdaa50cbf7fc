"""The report: self-contained, escaped, complete, and readable without a certificate or figures."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from szilard.envs.style import new_figure, units_of
from szilard.experiments.report import number, quantity, symbols, write_report
from szilard.experiments.tables import flatten
from szilard.physics.machines.two_level import TwoLevelEngine

MACHINE = TwoLevelEngine()
CERTIFICATE = {
    "dt": 0.5, "weight": 1.0, "lower": 0.97967, "upper": 0.97968, "gap": 7e-6, "power_lower": 0.00909964,
    "power_upper": 0.00909971, "lower_source": "all bath words", "upper_source": "branch and bound",
    "words": {"1": 1e-17, "2": 0.97967}, "dynamic_lower": 0.9796, "dynamic_upper": 0.9798, "fast": 1.0,
    "cycle": {"label": "best"},
}  # fmt: skip
TABLE = [
    {"label": "SAC <script>", "algorithm": "sac", "power": 0.0088, "percent": 96.7, "efficiency": 0.28,
     "heat_rate_hot": 0.03, "entropy_production_rate": 0.0139, "period": 2.0, "cycle": {"choice": [0, 1]}},
    {"label": "idle", "algorithm": None, "power": 0.0, "percent": 0.0, "efficiency": float("nan"), "period": 0.5},
]  # fmt: skip


class Page(HTMLParser):
    """Tags with attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def report(tmp_path: Path, **changes: Any) -> tuple[str, Page]:
    figures = {}
    for k in range(2):
        figure = new_figure(3.0, 2.0)
        figure.subplots().plot([0, 1], [0, k])
        figures[f"Caption {k} & more"] = figure
    settings: dict[str, Any] = {
        "title": "A title & <i>more</i>",
        "environment": MACHINE.describe() | {"id": "szilard/TwoLevelEngine-v0"},
        "table": TABLE,
        "certificate": CERTIFICATE,
        "figures": figures,
        "run": {"config": {"agent": {"steps": 1000}}, "seed": [0, 1], "git": "abc"},
        "notes": "A note with <b>markup</b>.",
        "sources": ["Another paper (2020)", MACHINE.source],
        "laws": {"steps": 10, "first_law_residual": 2e-16, "entropy_production": -1e-17},
        "units": units_of(MACHINE),
    } | changes
    path = write_report(tmp_path / "new" / "report.html", **settings)
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    return html, page


def test_self_contained(tmp_path: Path) -> None:
    html, page = report(tmp_path)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/svg+xml;base64,", "#")), value
    assert not re.search(r"url\(|@import|https?://", html)


def test_figures_are_embedded_with_their_captions(tmp_path: Path) -> None:
    _, page = report(tmp_path)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["Caption 0 & more", "Caption 1 & more"]
    for image in images:
        svg = base64.b64decode((image["src"] or "").partition(",")[2])
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        for element in root.iter():
            for name, value in element.attrib.items():
                assert not name.endswith("href") or value.startswith("#")
    assert "Figure 2. Caption 1 & more" in page.text


def test_content(tmp_path: Path) -> None:
    _, page = report(tmp_path)
    text = " ".join(page.text.split())
    for part in (
        "power P", "γh kB Th", "P / optimum", "dimensionless", "nats γh", "heat current Jhot", "96.7", "–",  # table
        "between 0.00909964 and 0.00909971 γh kB Th", "all bath words", "branch and bound", "steps of 0.5/γh",
        "with 1 step,", "with 2 steps,", "closed form",  # certificate
        "audited steps", "2·10⁻¹⁶ kB Th", "−1·10⁻¹⁷ nats",  # laws
        "inverse temperature of the hot bath", "1/energy", "0.3 … 1", "hot / cold / none",  # system
        "config.agent.steps", "numpy", np.__version__,  # run
    ):  # fmt: skip
        assert part in text, part
    assert text.count(MACHINE.source) == 2  # below the title and once among the sources
    assert "choice': " not in text  # nested columns are left out


def test_user_text_is_escaped(tmp_path: Path) -> None:
    html, page = report(tmp_path)
    assert "<script>" not in html
    assert "<b>markup" not in html
    assert "SAC <script>" in page.text
    assert "A note with <b>markup</b>." in page.text


def test_same_input_same_file(tmp_path: Path) -> None:
    assert report(tmp_path)[0] == report(tmp_path)[0]


def test_nothing_to_report(tmp_path: Path) -> None:
    nothing = {"environment": {}, "table": [], "certificate": {}, "figures": {}, "run": {}, "notes": (), "sources": ()}
    _, page = report(tmp_path, **nothing, laws=None, units=None)
    for part in ("Nothing was compared", "no certificate", "No figures", "No audit"):
        assert part in " ".join(page.text.split())


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_certificate_without_upper_bound(tmp_path: Path, weight: float) -> None:
    unknown = {"upper": None, "gap": None, "power_upper": None, "weight": weight}
    if weight < 1.0:
        unknown["power_lower"] = None
    _, page = report(tmp_path, certificate=CERTIFICATE | unknown)
    assert "no upper bound is known" in " ".join(page.text.split())


def test_numbers() -> None:
    assert number(None) == number(float("nan")) == number(float("inf")) == "–"
    assert number(-0.0) == "0"
    assert number(-2.5) == "−2.5"
    assert number(1.5e-7) == "1.5·10⁻⁷"
    assert number(True) == "True"
    assert number(123456) == "123456"
    assert number([1, 2]) == "1, 2"
    assert len(number(list(range(1000)))) < 310
    assert number(np.float64(0.5)) == "0.5"


def test_notation() -> None:
    assert symbols("gamma_h k_B T_h") == "<i>γ</i><sub>h</sub> <i>k</i><sub>B</sub> <i>T</i><sub>h</sub>"
    assert symbols("<a & b_0>") == "&lt;<i>a</i> &amp; <i>b</i><sub>0</sub>&gt;"
    assert symbols("learning_rate") == "learning rate"
    assert quantity(0.5, "1/gamma_h") == "0.5/<i>γ</i><sub>h</sub>"
    assert quantity(0.5, "1") == "0.5"
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}
