"""A version of the model as it is served: from a folder with model.skops, schema.json and reference.json.

It is copied into the Space too, so that the page there answers as the service does; there is no reference there.
"""

import json
from pathlib import Path

import skops.io

import schema

TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]  # scikit-learn's own, unknown to skops


class Predictor:
    """Answers rows.

    Parameters
    ----------
    folder : path-like
    version : str, optional
        By default what the file `version` says, or else the folder's name.

    Attributes
    ----------
    version : str
    fields : list of dict
        The schema.
    reference : dict or None
        As from `drift.reference`; None where the folder has none.
    validator : pydantic.TypeAdapter
    typical : dict
        A row of typical values.
    """

    def __init__(self, folder, version=None):
        folder = Path(folder)
        note = folder / "version"
        self.version = version or (note.read_text(encoding="utf-8") if note.exists() else folder.name)
        self.fields = json.loads((folder / "schema.json").read_bytes())
        reference = folder / "reference.json"
        self.reference = json.loads(reference.read_bytes()) if reference.exists() else None
        self.validator = schema.validator(self.fields)
        self.model = skops.io.load(folder / "model.skops", trusted=TRUSTED)
        self.typical = {field["name"]: field["typical"] for field in self.fields}
        self.probability(self.typical)  # what cannot answer is not served

    def probability(self, row):
        """Ask the model.

        Parameters
        ----------
        row : dict
            As `validator` gives it.

        Returns
        -------
        float
            The chance of 1.
        """
        return float(self.model.predict_proba(schema.encode([row], self.fields))[0, 1])
