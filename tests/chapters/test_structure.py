"""Every chapter has the form that the reader of one chapter expects in the next."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import notebooks
import pytest

ROOT = Path(__file__).parents[2]
CHAPTERS = [path.stem for path in sorted(ROOT.glob("chapters/*.ipynb"))]
NOTEBOOKS = {path.stem: nbformat.read(path, 4) for path in sorted(ROOT.glob("[cp]*/*.ipynb"))}  # and pages

every_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
every_notebook = pytest.mark.parametrize("chapter", NOTEBOOKS)


def code_cells(chapter: str) -> list:
    return [cell for cell in NOTEBOOKS[chapter].cells if cell.cell_type == "code"]


def prose(chapter: str) -> str:
    return "\n\n".join(cell.source for cell in NOTEBOOKS[chapter].cells if cell.cell_type == "markdown")


def widgets(chapter: str) -> list[dict]:
    models = NOTEBOOKS[chapter].metadata.get("widgets", {}).get(notebooks.STATE, {}).get("state", {})
    return [model.state for model in models.values() if model.model_name == "AnyModel"]


def place(chapter: str, cell) -> str:
    return f"cell {NOTEBOOKS[chapter].cells.index(cell)}: {cell.source[:60]!r}"


def test_there_are_chapters():
    assert CHAPTERS


@every_chapter
def test_opens_with_a_title_and_a_hidden_setup_cell(chapter):
    title, setup = NOTEBOOKS[chapter].cells[:2]
    assert title.cell_type == "markdown" and re.match(rf"# {int(chapter[:2])} \w", title.source)
    assert re.search(r"\b(minutes|hours?)\b", title.source)
    assert setup.cell_type == "code" and "remove-cell" in setup.metadata.get("tags", [])


@every_chapter
@pytest.mark.parametrize("heading", ["Summary", "Common mistakes", "Exercises", "Further reading"])
def test_closes_with_the_four_sections(chapter, heading):
    assert len(re.findall(rf"^## {heading}$", prose(chapter), re.M)) == 1


@every_chapter
def test_has_two_widgets_and_a_misconception_card(chapter):
    assert len(widgets(chapter)) >= 2
    assert ":class: misconception" in prose(chapter)


@every_chapter
def test_a_hidden_result_is_not_called_code(chapter):
    hidden = [cell for cell in code_cells(chapter) if {"hide-output", "hide-cell"} & {*cell.metadata.get("tags", [])}]
    for cell in hidden:
        assert cell.metadata.get("mystnb", {}).get("code_prompt_show") == "Show the result", place(chapter, cell)


@every_notebook
def test_code_cells_are_short(chapter):
    assert [place(chapter, cell) for cell in code_cells(chapter) if len(cell.source.splitlines()) > 25] == []


@every_notebook
def test_printed_lines_fit_the_page(chapter):
    wide = [
        (place(chapter, cell), line)
        for cell in code_cells(chapter)
        for output in cell.outputs
        for line in output.get("text", "").splitlines()
        if len(line) > 82
    ]
    assert wide == []


@every_notebook
def test_every_figure_has_a_caption_and_an_alternative_text(chapter):
    bare = []
    for cell in code_cells(chapter):
        data = [output.data for output in cell.outputs if "data" in output]
        shown = cell.metadata.get("mystnb", {})
        if any("image/png" in bundle and notebooks.VIEW not in bundle for bundle in data) and not (
            shown.get("image", {}).get("alt") and shown.get("figure", {}).get("caption")
        ):
            bare.append(place(chapter, cell))
    assert bare == []


@every_chapter
def test_equations_are_numbered_in_order(chapter):
    labels = re.findall(r"\$\$ \((\S+)\)\s*$", prose(chapter), re.M)
    assert labels == [f"{int(chapter[:2])}.{i}" for i in range(1, len(labels) + 1)]


@every_notebook
def test_ran_from_top_to_bottom_without_complaint(chapter):
    cells = code_cells(chapter)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    loud = [
        place(chapter, cell)
        for cell in cells
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert loud == []


@every_notebook
def test_is_in_normal_form(chapter):
    assert notebooks.normalise(NOTEBOOKS[chapter], chapter) == NOTEBOOKS[chapter]


@every_notebook
def test_stored_widgets_have_the_module_of_this_library(chapter):
    modules = {path.read_text("utf-8") for path in ROOT.glob("nnlib/widgets/*.js")}
    assert [state["spec"]["name"] for state in widgets(chapter) if state["_esm"] not in modules] == []


def test_normal_form_is_the_same_for_two_runs():
    def run(kernel: str) -> nbformat.NotebookNode:
        view = {notebooks.VIEW: {"model_id": f"widget-{kernel}"}}
        models = {
            f"layout-{kernel}": {"model_name": "LayoutModel", "state": {}},
            f"unseen-{kernel}": {"model_name": "AnyModel", "state": {}},
            f"widget-{kernel}": {"model_name": "AnyModel", "state": {"layout": f"IPY_MODEL_layout-{kernel}"}},
        }
        cell = nbformat.v4.new_code_cell("draw()", metadata={"execution": {"started": kernel}})
        cell.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text="one "),
            nbformat.v4.new_output("stream", name="stdout", text="line"),
            nbformat.v4.new_output("display_data", data=view),
        ]
        made = {"version_major": 2, "version_minor": 0, "state": models}
        metadata = {"language_info": {"name": "python", "version": kernel}, "widgets": {notebooks.STATE: made}}
        return nbformat.v4.new_notebook(cells=[cell], metadata=metadata)

    first, second = (notebooks.normalise(run(kernel), "01_name") for kernel in ("a1", "b2"))
    assert first == second
    assert list(first.metadata.widgets[notebooks.STATE].state) == ["01_name-1", "01_name-2"]
    assert first.cells[0].outputs[0].text == "one line"


def test_a_printed_number_that_changes_fails_and_names_the_cell(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1 + 1)", execution_count=1)])
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text="3\n")]
    nbformat.write(notebook, tmp_path / "wrong.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
        "wrong.ipynb",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "wrong.ipynb::Cell 0" in done.stdout


def test_nothing_tells_anybody_to_install_the_unrelated_package_of_the_same_name():
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wrong = re.compile(r"pip3? install [^\n]*(?<![\w./-])nn" + r"lib(?![\w.-])")
    texts = {name: (ROOT / name).read_text("utf-8", errors="ignore") for name in files if (ROOT / name).is_file()}
    assert [name for name, text in texts.items() if wrong.search(text)] == []
