"""Runs the chapters' notebooks and writes them in one normal form, so that a second run changes no line.

python site/notebooks.py execute NOTEBOOK…   run from top to bottom, store outputs and widget state
python site/notebooks.py check NOTEBOOK…     fail where a notebook is not in normal form
"""

import hashlib
import json
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}


def normalise(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """A copy without what differs from run to run: ids, times, versions, how a stream was cut."""
    notebook = deepcopy(notebook)
    seen = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _join_streams(cell.outputs)
    widgets = _widget_state(notebook, stem)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE} | widgets)
    notebook.nbformat_minor = 5
    return notebook


def _join_streams(outputs: list) -> list:
    joined = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _widget_state(notebook: nbformat.NotebookNode, stem: str) -> dict:
    """Keep the models that the outputs show, numbered in their order; rename them in the outputs."""
    stored = notebook.metadata.get("widgets", {}).get(STATE)
    if not stored:
        return {}
    data = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    waiting = [bundle[VIEW]["model_id"] for bundle in data if VIEW in bundle]
    names = {}
    for model_id in waiting:  # grows with the models that those in it refer to
        if model_id in names:
            continue
        names[model_id] = f"{stem}-{len(names) + 1}"
        waiting += re.findall(r'"IPY_MODEL_([^"]+)"', json.dumps(stored["state"][model_id]["state"]))
    models = json.dumps({name: stored["state"][model_id] for model_id, name in names.items()})
    models = re.sub(r'"IPY_MODEL_([^"]+)"', lambda m: f'"IPY_MODEL_{names[m[1]]}"', models)
    for bundle in data:
        if VIEW in bundle:
            bundle[VIEW]["model_id"] = names[bundle[VIEW]["model_id"]]
    return {"widgets": {STATE: stored | {"state": json.loads(models)}}}


def execute(path: Path) -> float:
    """Run a notebook and write it back; return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],
        record_timing=False,
        store_widget_state=True,
    )
    client.execute()
    seconds = time.perf_counter() - start
    nbformat.write(normalise(notebook, path.stem), path)
    return seconds


def main(command: str, *names: str) -> int:
    """Do what the command line asks; return the exit status."""
    paths = [Path(name) for name in names]
    if command == "check":
        wrong = [path for path in paths if normalise(read := nbformat.read(path, 4), path.stem) != read]
        for path in wrong:
            print(f"{path} is not in normal form: run `make execute NB={path}`")
        return bool(wrong)
    failed = False
    with ProcessPoolExecutor(2) as pool:
        for path, job in [(path, pool.submit(execute, path)) for path in paths]:
            try:
                print(f"{path}: {job.result():.0f} s", flush=True)
            except CellExecutionError as error:
                failed = True
                print(f"{path} failed\n{error}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
