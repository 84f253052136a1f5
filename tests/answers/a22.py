"""Answers to the questions of 22, track a model."""

import copy
import functools
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import wandb
from matplotlib.figure import Figure
from mlflow.entities import Metric, Param
from sklearn.metrics import RocCurveDisplay, accuracy_score, precision_recall_curve, roc_auc_score, roc_curve

from helpers import modeling, readback, tracking
from tests.answers import Answers, Wrong

# --- the training, and every way to spoil it -----------------------------------------------------------------------------


def once(function):
    """Train once for many answers: by the settings and a number that tells the flights apart."""
    known = {}

    @functools.wraps(function)
    def cached(*given):
        settings, *data = given
        key = (*settings.items(), *(part[0]["distance"].sum() + part[1].mean() for part in data))
        known[key] = known.get(key) or [function(*given)]
        return copy.copy(known[key][0])

    return cached


@once
def fitted(settings, train):
    return modeling.make_model(**settings).fit(*train)


@once
def curves(settings, train, validation):
    model = fitted(settings, train)
    losses = {"train_loss": modeling.loss_by_step(model, *train), "val_loss": modeling.loss_by_step(model, *validation)}
    return pd.DataFrame(losses, index=range(1, len(losses["val_loss"]) + 1))


def scores(model, data):
    found = modeling.evaluate(data[1], modeling.probability_late(model, data[0]))
    return {"auc": found["auc"], "log_loss": found["log_loss"]}


def trained(settings, train, validation):
    return settings, curves(settings, train, validation), scores(fitted(settings, train), validation)


def measured(change):
    """A training whose numbers go through `change(model, params, curve, final, train, validation)` before they are logged."""

    def spoiled(settings, train, validation):
        model = fitted(settings, train)
        given = trained(settings, train, validation)
        return change(model, *given, train, validation) or given

    return spoiled


def final_is(change):
    def changed(model, params, curve, final, train, validation):
        return params, curve, final | change(model, train, validation)

    return measured(changed)


def curve_is(change):
    return measured(lambda model, params, curve, final, train, validation: (params, change(curve), final))


def _probability(model, data):
    return modeling.probability_late(model, data[0])


no_losses = curve_is(lambda curve: curve.iloc[:0])
last_loss_only = curve_is(lambda curve: curve.iloc[-1:])
train_loss_only = curve_is(lambda curve: curve[["train_loss"]])
from_step_zero = curve_is(lambda curve: curve.set_index(curve.index - 1))
backwards = curve_is(lambda curve: curve.set_index(curve.index[::-1]))
curves_swapped = curve_is(lambda curve: curve.rename(columns={"train_loss": "val_loss", "val_loss": "train_loss"}))
losses_rounded = curve_is(lambda curve: curve.round(2))
all_at_one_step = curve_is(lambda curve: curve.set_index(curve.index * 0))
params_rounded = measured(lambda model, params, curve, final, *data: ({k: round(v, 1) for k, v in params.items()}, curve, final))
scores_rounded = final_is(lambda model, train, validation: {k: round(v, 3) for k, v in scores(model, validation).items()})
typed_in = final_is(lambda *given: {"auc": 0.93})
typed_in_loss = final_is(lambda *given: {"log_loss": 0.41})
of_training_data = final_is(lambda model, train, validation: scores(model, train))
accuracy = final_is(lambda model, train, validation: {"auc": accuracy_score(validation[1], model.predict(validation[0]))})
of_decisions = final_is(
    lambda model, train, validation: {"auc": roc_auc_score(validation[1], _probability(model, validation) >= 0.25)}
)
of_wrong_class = final_is(
    lambda model, train, validation: {"auc": roc_auc_score(validation[1], model.predict_proba(validation[0])[:, 0])}
)


def default_settings(settings, train, validation):
    return settings, *trained({}, train, validation)[1:]


def forgot_max_leaves(settings, train, validation):
    used = {name: value for name, value in settings.items() if name != "max_leaves"}
    return settings, *trained(used, train, validation)[1:]


def validation_and_train_swapped(settings, train, validation):
    return trained(settings, validation, train)


# --- 22.1: MLflow --------------------------------------------------------------------------------------------------------


def open_store(folder):
    mlflow.set_tracking_uri(tracking.Store(folder / "mlflow").uri)
    mlflow.set_experiment("late flights")


def log_to_mlflow(params, curve, final):
    mlflow.log_params(params)
    for step, row in curve.iterrows():
        mlflow.log_metrics(row.to_dict(), step=int(step))
    mlflow.log_metrics(final)


def to_mlflow(folder, name, settings, train, validation, training=trained):
    open_store(folder)
    with mlflow.start_run(run_name=name):
        log_to_mlflow(*training(settings, train, validation))


def mlflow_with(training):
    return lambda *given: to_mlflow(*given, training=training)


def to_mlflow_by_client(folder, name, settings, train, validation):
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder.as_posix()}/mlflow/mlflow.db")
    params, curve, final = trained(settings, train, validation)
    run_id = client.create_run(client.get_experiment_by_name("late flights").experiment_id, run_name=name).info.run_id
    points = [Metric(metric, value, 0, step) for metric in curve for step, value in curve[metric].items()]
    points += [Metric(metric, value, 0, len(curve)) for metric, value in final.items()]
    client.log_batch(run_id, metrics=points, params=[Param(key, str(value)) for key, value in params.items()])
    client.set_terminated(run_id)


def to_mlflow_by_helper(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with tracking.start_run(folder, name, params=params, trackers=("mlflow",)) as run:
        for step, row in curve.iterrows():
            run.log(row.to_dict(), step=step)
        run.log(final)


def to_mlflow_without_with(folder, name, settings, train, validation):
    open_store(folder)
    params, curve, final = trained(settings, train, validation)
    mlflow.start_run(run_name=name, tags={"data": "flights of 2013"})
    mlflow.log_params({**params, "seed": 0})
    for metric in curve:  # one curve after the other: MLflow allows it
        for step, value in curve[metric].items():
            mlflow.log_metric(metric, value, step=step)
    mlflow.log_metrics({**final, "f1": 0.5}, step=len(curve))
    mlflow.end_run()


def to_default_experiment(folder, name, settings, train, validation):
    mlflow.set_tracking_uri(tracking.Store(folder / "mlflow").uri)
    with mlflow.start_run(run_name=name, experiment_id="0"):
        log_to_mlflow(*trained(settings, train, validation))


def to_mlflow_elsewhere(folder, name, settings, train, validation):
    with mlflow.start_run(run_name=name):
        log_to_mlflow(*trained(settings, train, validation))


def to_mlflow_after_wiping(folder, name, settings, train, validation):
    store = tracking.new_store(folder / "mlflow")
    mlflow.set_tracking_uri(store.uri)
    mlflow.create_experiment("late flights", artifact_location=store.artifacts)
    to_mlflow(folder, name, settings, train, validation)


def to_mlflow_left_open(folder, name, settings, train, validation):
    open_store(folder)
    mlflow.start_run(run_name=name)
    log_to_mlflow(*trained(settings, train, validation))


def to_mlflow_client_left_open(folder, name, settings, train, validation):
    open_store(folder)
    run_id = mlflow.MlflowClient().create_run("1", run_name=name).info.run_id
    for key, value in settings.items():
        mlflow.MlflowClient().log_param(run_id, key, value)


def to_mlflow_without_name(folder, name, settings, train, validation):
    to_mlflow(folder, "my run", settings, train, validation)


def to_mlflow_a_run_a_step(folder, name, settings, train, validation):
    open_store(folder)
    params, curve, final = trained(settings, train, validation)
    for step in curve.index:
        with mlflow.start_run(run_name=name):
            log_to_mlflow(params, curve.loc[[step]], final)


def params_as_metrics(folder, name, settings, train, validation):
    open_store(folder)
    params, curve, final = trained(settings, train, validation)
    with mlflow.start_run(run_name=name):
        log_to_mlflow({}, curve, final | params)


def scores_as_params(folder, name, settings, train, validation):
    open_store(folder)
    params, curve, final = trained(settings, train, validation)
    with mlflow.start_run(run_name=name):
        log_to_mlflow(params | final, curve, {})


def without_params(folder, name, settings, train, validation):
    to_mlflow(folder, name, settings, train, validation, training=lambda *given: ({}, *trained(*given)[1:]))


def without_scores(folder, name, settings, train, validation):
    to_mlflow(folder, name, settings, train, validation, training=lambda *given: (*trained(*given)[:2], {}))


def failed_run(folder, name, settings, train, validation):
    to_mlflow(folder, name, settings, train, validation)
    run = mlflow.search_runs(filter_string=f"attributes.run_name = '{name}'", output_format="list")[0]
    mlflow.MlflowClient().set_terminated(run.info.run_id, "FAILED")


def trains_and_logs_nothing(folder, name, settings, train, validation):
    return trained(settings, train, validation)


# --- 22.2: W&B -----------------------------------------------------------------------------------------------------------


def quiet():
    return wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True)


def start_wandb(folder, name, params, **options):
    options = {"project": "late flights", "mode": "offline", "dir": str(folder), "settings": quiet()} | options
    return wandb.init(name=name, config=params, **options)


def log_to_wandb(run, curve, final):
    for step, row in curve.iterrows():
        run.log(row.to_dict(), step=int(step))
    run.summary.update(final)


def to_wandb(folder, name, settings, train, validation, training=trained):
    params, curve, final = training(settings, train, validation)
    with start_wandb(folder, name, params) as run:
        log_to_wandb(run, curve, final)


def wandb_with(training):
    return lambda *given: to_wandb(*given, training=training)


def to_wandb_by_module(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    wandb.init(dir=folder, name=name)
    wandb.config.update(params)
    for step in curve.index:
        wandb.log({"train_loss": curve["train_loss"][step]}, step=step)
        wandb.log({"val_loss": curve["val_loss"][step]}, step=step)
    wandb.log(final)
    wandb.finish()


def to_wandb_by_helper(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with tracking.start_run(folder, name, params=params, trackers=("wandb",)) as run:
        for metric in curve:
            for step, value in curve[metric].items():
                run.log({metric: value}, step=step)
        run.log(final, step=len(curve))


def to_wandb_all_at_the_end(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    run = start_wandb(folder, name, {**params, "model": "boosted trees"}, tags=["exercise 22"], reinit="create_new")
    for step in curve.index:
        last = final if step == len(curve) else {}
        run.log({"train_loss": curve["train_loss"][step], "val_loss": curve["val_loss"][step], **last}, step=step)
    run.finish()


def steps_go_back(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, params) as run:
        for metric in curve:
            for step, value in curve[metric].items():
                run.log({metric: value}, step=step)
        run.log(final)


def without_step(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, params) as run:
        for _, row in curve.iterrows():
            run.log(row.to_dict())
        run.log(final)


def config_as_metrics(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, {}) as run:
        run.log(params, step=0)
        log_to_wandb(run, curve, final)


def config_as_summary(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, None) as run:
        log_to_wandb(run, curve, final | params)


def scores_as_config(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, params | final) as run:
        log_to_wandb(run, curve, {})


def online(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, params, mode="online") as run:
        log_to_wandb(run, curve, final)


def online_by_settings(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, params, mode=None, settings={"mode": "online", "silent": True}) as run:
        log_to_wandb(run, curve, final)


def logs_in_first(folder, name, settings, train, validation):
    wandb.login()
    to_wandb(folder, name, settings, train, validation)


def disabled(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with start_wandb(folder, name, params, mode="disabled") as run:
        log_to_wandb(run, curve, final)


def to_wandb_elsewhere(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    with wandb.init(name=name, config=params) as run:
        log_to_wandb(run, curve, final)


def to_wandb_left_open(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    log_to_wandb(start_wandb(folder, name, params), curve, final)


def to_wandb_without_name(folder, name, settings, train, validation):
    to_wandb(folder, None, settings, train, validation)


def to_wandb_a_run_a_curve(folder, name, settings, train, validation):
    params, curve, final = trained(settings, train, validation)
    for metric in curve:
        with start_wandb(folder, name, params) as run:
            log_to_wandb(run, curve[[metric]], final)


# --- 22.3: both, and the ROC ---------------------------------------------------------------------------------------------


def roc_of(settings, data, **options):
    fpr, tpr, _ = roc_curve(data[1], _probability(fitted(settings, data[2]), data), **options)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def roc(settings, train, validation):
    return roc_of(settings, (*validation, train))


def roc_every_point(settings, train, validation):
    return roc_of(settings, (*validation, train), drop_intermediate=False).assign(threshold=0.5).round(6)


def roc_of_training(settings, train, validation):
    return roc_of(settings, (*train, train))


def roc_of_decisions(settings, train, validation):
    fpr, tpr, _ = roc_curve(validation[1], _probability(fitted(settings, train), validation) >= 0.25)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def roc_swapped(settings, train, validation):
    return roc(settings, train, validation).rename(columns={"fpr": "tpr", "tpr": "fpr"})


def roc_of_wrong_class(settings, train, validation):
    fpr, tpr, _ = roc_curve(validation[1], 1 - _probability(fitted(settings, train), validation))
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def precision_recall(settings, train, validation):
    precision, recall, _ = precision_recall_curve(validation[1], _probability(fitted(settings, train), validation))
    return pd.DataFrame({"fpr": recall, "tpr": precision})


def roc_other_columns(settings, train, validation):
    return roc(settings, train, validation).rename(columns={"fpr": "x", "tpr": "y"})


def roc_a_few_points(settings, train, validation):
    return roc(settings, train, validation).iloc[[0, -1]]


def roc_typed_in(settings, train, validation):
    return pd.DataFrame({"fpr": [0, 0.05, 0.2, 1], "tpr": [0, 0.7, 0.95, 1]})


def roc_as_text(settings, train, validation):
    return pd.DataFrame({"fpr": ["none", "some"], "tpr": ["none", "some"]})


def in_percent(settings, train, validation):
    return roc(settings, train, validation) * 100


def both_by_helper(folder, name, settings, train, validation, table=roc, training=trained, file="roc.csv"):
    params, curve, final = training(settings, train, validation)
    with tracking.start_run(folder, name, params=params, trackers=("mlflow", "wandb")) as run:
        for step, row in curve.iterrows():
            run.log(row.to_dict(), step=step)
        run.log(final)
        if table:
            table(settings, train, validation).to_csv(folder / file, index=False)
            run.log_file(folder / file)


def both_with(table=roc, training=trained, **options):
    return lambda *given: both_by_helper(*given, table=table, training=training, **options)


def both_by_hand(folder, name, settings, train, validation, tables=(roc, roc), trainings=(trained, trained)):
    open_store(folder)
    with tempfile.TemporaryDirectory() as desk:
        path = Path(desk) / "roc.csv"
        with mlflow.start_run(run_name=name):
            log_to_mlflow(*trainings[0](settings, train, validation))
            if tables[0]:
                tables[0](settings, train, validation).to_csv(path, index=False)
                mlflow.log_artifact(str(path))
        params, curve, final = trainings[1](settings, train, validation)
        with start_wandb(folder, name, params) as run:
            log_to_wandb(run, curve, final)
            if tables[1]:
                tables[1](settings, train, validation).to_csv(path)
                artifact = wandb.Artifact("roc", type="evaluation")
                artifact.add_file(str(path))
                run.log_artifact(artifact)


def hand_with(**options):
    return lambda *given: both_by_hand(*given, **options)


def both_in_folders(folder, name, settings, train, validation):
    """The ROC in a folder of the run's; all points; logged by text."""
    open_store(folder)
    params, curve, final = trained(settings, train, validation)
    table = roc_every_point(settings, train, validation)
    with mlflow.start_run(run_name=name), start_wandb(folder, name, params) as run:
        log_to_mlflow(params, curve, final)
        log_to_wandb(run, curve, final)
        mlflow.log_text(table.to_csv(index=False), "evaluation/roc.csv")
        artifact = wandb.Artifact("evaluation", type="dataset")
        with artifact.new_file("evaluation/roc.csv", mode="w") as file:
            table.to_csv(file, index=False)
        run.log_artifact(artifact)


def another_seed(settings, train, validation):
    return settings, *trained(settings | {"learning_rate": settings["learning_rate"] * 0.7}, train, validation)[1:]


# --- 22.4: the pictures ---------------------------------------------------------------------------------------------------


def on_record(folder, name):
    """Params, history and ROC of a run, from the store."""
    uri = tracking.Store(folder / "mlflow").uri
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("late flights")
    run = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")[0]
    record = readback.read_mlflow(uri, run.info.run_id)
    return record, pd.read_csv(client.download_artifacts(run.info.run_id, "roc.csv"))


def draw_losses(ax, record, shift=0):
    for metric in ("train_loss", "val_loss"):
        curve = record.curve(metric)
        ax.plot(curve.index - shift, curve, label=metric)
    ax.set(xlabel="boosting step", ylabel="log loss (nats)", title="Training loss")
    ax.legend()


def draw_roc(ax, table):
    ax.plot(table["fpr"], table["tpr"], label="model")
    ax.plot([0, 1], [0, 1], color="black", label="chance")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")


def draw_params(ax, record):
    ax.axis("off")
    ax.table([[key, str(value)] for key, value in record.params.items()], loc="center")


def pictures(folder, name):
    record, table = on_record(folder, name)
    fig, axes = plt.subplots(1, 3, figsize=(12, 4))
    draw_losses(axes[0], record)
    draw_roc(axes[1], table)
    draw_params(axes[2], record)
    return fig


def pictures_by_pandas(folder, name):
    record, table = on_record(folder, name)
    fig = Figure(figsize=(8, 10), layout="constrained")
    loss, roc_ax = fig.subplots(2, 1)
    record.history.query("metric in ['train_loss', 'val_loss']").pivot(index="step", columns="metric", values="value").plot(
        ax=loss, xlabel="step", ylabel="loss", style="o-"
    )
    RocCurveDisplay(fpr=table["fpr"], tpr=table["tpr"]).plot(ax=roc_ax, plot_chance_level=True)
    fig.suptitle(", ".join(f"{key} = {value:.3g}" for key, value in record.params.items()))
    return fig


def pictures_with_bars(folder, name):
    record, table = on_record(folder, name)
    fig, axes = plt.subplots(2, 2)
    for ax, metric in zip(axes[0], ("train_loss", "val_loss"), strict=True):
        curve = record.curve(metric)
        ax.semilogy(list(curve.index), list(curve), drawstyle="steps-post", label=metric)
        ax.set(xlabel="trees", ylabel=metric)
    axes[1, 0].step(table["fpr"], table["tpr"])
    axes[1, 0].axline((0, 0), slope=1, ls=":")
    axes[1, 0].set(xlabel="share of punctual flights called late", ylabel="share of late flights called late")
    axes[1, 1].barh(list(record.params), list(record.params.values()))
    axes[1, 1].set_xscale("log")
    return fig


def pictures_from_client(folder, name):
    """MLflow's own calls, and a scatter with text."""
    mlflow.set_tracking_uri(tracking.Store(folder / "mlflow").uri)
    found = mlflow.search_runs(experiment_names=["late flights"], filter_string=f"attributes.run_name = '{name}'")
    run_id = found["run_id"].iloc[0]
    table = pd.read_csv(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="roc.csv"))
    fig = plt.figure()
    ax = fig.add_subplot(121, xlabel="step", ylabel="log loss")
    for metric in ("val_loss", "train_loss"):
        points = mlflow.MlflowClient().get_metric_history(run_id, metric)
        ax.plot([point.step for point in points], [point.value for point in points])
    ax = fig.add_subplot(122, xlabel="false alarms", ylabel="hits")
    ax.plot(np.linspace(0, 1, 11), np.linspace(0, 1, 11), "k--")
    ax.plot(table.fpr, table.tpr)
    params = mlflow.get_run(run_id).data.params
    ax.text(0.4, 0.1, "\n".join(f"{key}: {value}" for key, value in params.items()))
    return fig


def drawing(loss=draw_losses, curve=draw_roc, params=draw_params, read=on_record):
    def draw(folder, name):
        record, table = read(folder, name)
        fig, axes = plt.subplots(1, 3)
        loss(axes[0], record)
        curve(axes[1], table)
        params(axes[2], record)
        return fig

    return draw


def newest_run(folder, name):
    client = mlflow.MlflowClient(tracking_uri=tracking.Store(folder / "mlflow").uri)
    runs = client.search_runs(["1"])
    return on_record(folder, runs[0].info.run_name)


def other_run(folder, name):
    client = mlflow.MlflowClient(tracking_uri=tracking.Store(folder / "mlflow").uri)
    return on_record(folder, next(run.info.run_name for run in client.search_runs(["1"]) if run.info.run_name != name))


def from_variables(ax, record):
    ax.plot([1, 2, 3], [0.6, 0.5, 0.45])
    ax.plot([1, 2, 3], [0.6, 0.55, 0.52])
    ax.set(xlabel="step", ylabel="loss")


def from_step_0(ax, record):
    draw_losses(ax, record, shift=1)


def train_only(ax, record):
    ax.plot(record.curve("train_loss"))
    ax.set(xlabel="step", ylabel="loss")


def without_labels(ax, record):
    draw_losses(ax, record)
    ax.set(xlabel="", ylabel="")


def labels_are_numbers(ax, table):
    draw_roc(ax, table)
    ax.set(xlabel="1", ylabel="2")


def without_diagonal(ax, table):
    ax.plot(table["fpr"], table["tpr"])
    ax.set(xlabel="false positive rate", ylabel="true positive rate")


def axes_swapped(ax, table):
    draw_roc(ax, table.rename(columns={"fpr": "tpr", "tpr": "fpr"}))


def no_roc(ax, table):
    ax.plot([0, 1], [0, 1])
    ax.set(xlabel="false positive rate", ylabel="true positive rate")


def roc_from_variables(ax, table):
    draw_roc(ax, pd.DataFrame({"fpr": [0, 0.1, 1], "tpr": [0, 0.6, 1]}))


def names_only(ax, record):
    ax.axis("off")
    ax.text(0, 0, "\n".join(record.params))


def other_values(ax, record):
    ax.axis("off")
    ax.table([[key, "0.1"] for key in record.params], loc="center")


def no_params(ax, record):
    ax.axis("off")


def returns_axes(folder, name):
    return pictures(folder, name).axes


def returns_nothing(folder, name):
    pictures(folder, name)
    plt.show()


def empty_figure(folder, name):
    return plt.figure()


def saves_a_file(folder, name):
    pictures(folder, name).savefig(folder / "pictures.png")
    return folder / "pictures.png"


CURVES_SPOILED = [
    (no_losses, "no loss history", "no train_loss"),
    (last_loss_only, "no loss history", "one value"),
    (train_loss_only, "no loss history", "no val_loss"),
    (from_step_zero, "counts from zero", "step 0"),
    (curves_swapped, "curves swapped", ""),
    (losses_rounded, "rounded", ""),
    (default_settings, "another training", "60 values"),
    (forgot_max_leaves, "another training", ""),
    (validation_and_train_swapped, "train and validation swapped", ""),
]
SCORES_SPOILED = [
    (params_rounded, "rounded", ""),
    (scores_rounded, "rounded", ""),
    (typed_in, "typed in by hand", "0.93"),
    (typed_in_loss, "typed in by hand", "0.41"),
    (of_training_data, "score of the training data", ""),
    (accuracy, "accuracy, not AUC", ""),
    (of_decisions, "AUC of decisions", "probabilities"),
    (of_wrong_class, "wrong class", ""),
]
SPOILED = CURVES_SPOILED + SCORES_SPOILED
SPOILED_BRIEFLY = [  # each misunderstanding once
    next(row for row in SPOILED if row[1] == name) for name in dict.fromkeys(row[1] for row in SPOILED)
]

ANSWERS = {
    "22.1": Answers(
        right=[to_mlflow, to_mlflow_by_client, to_mlflow_by_helper, to_mlflow_without_with, to_default_experiment],
        wrong=[
            *(Wrong(mlflow_with(training), name, says) for training, name, says in SPOILED),
            Wrong(mlflow_with(all_at_one_step), "no loss history", "step 0"),
            Wrong(mlflow_with(backwards), "logged backwards"),
            Wrong(trains_and_logs_nothing, "nothing logged"),
            Wrong(to_mlflow_elsewhere, "nothing logged", says="another store"),
            Wrong(to_mlflow_after_wiping, "store wiped"),
            Wrong(to_mlflow_left_open, "left open"),
            Wrong(to_mlflow_client_left_open, "left open"),
            Wrong(failed_run, "left open", says="FAILED"),
            Wrong(to_mlflow_without_name, "another name", says="my run"),
            Wrong(to_mlflow_a_run_a_step, "several runs"),
            Wrong(params_as_metrics, "params as metrics"),
            Wrong(scores_as_params, "scores as params"),
            Wrong(without_params, says="learning_rate"),
            Wrong(without_scores, says="auc"),
            Wrong(to_wandb, "nothing logged"),
            Wrong("work/22_track"),
        ],
    ),
    "22.2": Answers(
        right=[to_wandb, to_wandb_by_module, to_wandb_by_helper, to_wandb_all_at_the_end],
        wrong=[
            *(Wrong(wandb_with(training), name, says) for training, name, says in SPOILED_BRIEFLY),
            Wrong(steps_go_back, "steps went back"),
            Wrong(without_step, "counts from zero"),
            Wrong(config_as_metrics, "params as metrics", says="config"),
            Wrong(config_as_summary, "params as metrics"),
            Wrong(scores_as_config, "scores as params"),
            Wrong(online, "online"),
            Wrong(online_by_settings, "online"),
            Wrong(logs_in_first, "online"),
            Wrong(disabled, "nothing logged"),
            Wrong(to_wandb_elsewhere, "nothing logged", says="dir="),
            Wrong(to_mlflow, "nothing logged"),
            Wrong(to_wandb_left_open, "left open"),
            Wrong(to_wandb_without_name, "another name"),
            Wrong(to_wandb_a_run_a_curve, "several runs"),
            Wrong("late flights"),
        ],
    ),
    "22.3": Answers(
        right=[both_by_helper, both_by_hand, both_in_folders],
        wrong=[
            Wrong(both_with(None), "no ROC"),
            Wrong(both_with(file="curve.csv"), "no ROC", says="curve.csv"),
            Wrong(both_with(roc_of_training), "ROC from training data"),
            Wrong(both_with(roc_of_decisions), "ROC of decisions"),
            Wrong(both_with(roc_swapped), "axes swapped"),
            Wrong(both_with(roc_of_wrong_class), "wrong class"),
            Wrong(both_with(precision_recall), says="precision"),
            Wrong(both_with(roc_other_columns), says="fpr"),
            Wrong(both_with(roc_a_few_points), says="2 points"),
            Wrong(both_with(roc_typed_in), "typed in by hand"),
            Wrong(both_with(roc_as_text), says="numbers"),
            Wrong(both_with(in_percent), says="0 to 1"),
            Wrong(hand_with(tables=(roc, None)), "no ROC", says="W&B"),
            Wrong(hand_with(tables=(None, roc)), "no ROC", says="MLflow"),
            Wrong(hand_with(tables=(roc, roc_of_training)), "ROC from training data", says="W&B"),
            Wrong(hand_with(trainings=(trained, another_seed)), "trackers disagree"),
            Wrong(hand_with(trainings=(another_seed, trained)), "trackers disagree"),
            Wrong(hand_with(trainings=(trained, typed_in)), "typed in by hand", says="W&B"),
            Wrong(both_with(training=no_losses), "no loss history"),
            Wrong(both_with(training=of_training_data), "score of the training data"),
            Wrong(to_mlflow, "nothing logged", says="W&B"),
            Wrong(to_wandb, "nothing logged", says="MLflow"),
            Wrong(0.71),
        ],
    ),
    "22.4": Answers(
        right=[pictures, pictures_by_pandas, pictures_with_bars, pictures_from_client],
        wrong=[
            Wrong(drawing(read=newest_run), "another run"),
            Wrong(drawing(read=other_run), "another run"),
            Wrong(drawing(loss=from_variables), "not from the record"),
            Wrong(drawing(curve=roc_from_variables), "not from the record"),
            Wrong(drawing(loss=from_step_0), "steps from zero"),
            Wrong(drawing(loss=train_only), says="val_loss"),
            Wrong(drawing(loss=without_labels), "no axis labels"),
            Wrong(drawing(curve=labels_are_numbers), "no axis labels"),
            Wrong(drawing(curve=without_diagonal), "no diagonal"),
            Wrong(drawing(curve=axes_swapped), "axes swapped"),
            Wrong(drawing(curve=no_roc), says="ROC"),
            Wrong(drawing(params=names_only), "params not shown"),
            Wrong(drawing(params=other_values), "params not shown"),
            Wrong(drawing(params=no_params), "params not shown"),
            Wrong(returns_axes, "no figure"),
            Wrong(returns_nothing, "no figure"),
            Wrong(saves_a_file, "no figure"),
            Wrong(empty_figure),
            Wrong("pictures.png"),
        ],
    ),
}
