"""As tracking.py, with Weights & Biases: for `tracker = "wandb"` in capstone.toml."""

import json
import shutil

from settings import ROOT
from tracking import FILES


class WandbTracker:
    """Weights & Biases; with WANDB_MODE=offline it needs no account. The versions are kept in the folder `models` here.

    Parameters
    ----------
    name : str
        Of the project and of the artifact.
    """

    def __init__(self, name):
        self._name, self._models = name, ROOT / "models"

    def record(self, folder, model, X, params, metrics, curves, tags):
        """As in MlflowTracker.

        Parameters
        ----------
        folder, model, X, params, metrics, curves, tags
        """
        import wandb

        version = str(1 + max((int(path.name) for path in self._models.glob("[0-9]*")), default=0))
        settings = wandb.Settings(console="off", silent=True)
        with wandb.init(project=self._name, config=params | tags, settings=settings) as run:
            for step, values in enumerate(zip(*curves.values(), strict=True)):
                run.log(dict(zip(curves, values, strict=True)), step=step)
            run.summary.update(metrics)
            artifact = wandb.Artifact(self._name, type="model", metadata=metrics)
            for name in FILES:
                artifact.add_file(str(folder / name))
            run.log_artifact(artifact)
        shutil.copytree(folder, self._models / version)
        return version

    def aliases(self):
        """As in MlflowTracker."""
        file = self._models / "aliases.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def set_aliases(self, aliases):
        """As in MlflowTracker.

        Parameters
        ----------
        aliases
        """
        part = self._models / "aliases.part"
        part.write_text(json.dumps(self.aliases() | aliases), encoding="utf-8")
        part.replace(self._models / "aliases.json")

    def fetch(self, version, to):
        """As in MlflowTracker.

        Parameters
        ----------
        version, to
        """
        for name in FILES:
            shutil.copy(self._models / version / name, to / name)
