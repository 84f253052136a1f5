"""Where JupyterLab finds the workbook's own small extension. As Python, since JSON cannot say "beside this file"."""

from pathlib import Path

c.LabApp.extra_labextensions_path = [str(Path(__file__).parent / "labextensions")]  # noqa: F821  (Jupyter gives `c`)
