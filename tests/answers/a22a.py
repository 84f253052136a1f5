"""Answers to the questions of 22a, MLflow."""

import mlflow
import numpy as np
from mlflow.entities import Metric, Param
from mlflow.models import infer_signature

from helpers import modeling
from tests.answers import Answers, Wrong

# --- 22a.1 --------------------------------------------------------------------------------------------------------------


def record(settings, losses, scores):
    with mlflow.start_run() as run:
        mlflow.log_params(settings)
        for step, loss in enumerate(losses, start=1):
            mlflow.log_metric("val_loss", loss, step=step)
        mlflow.log_metrics(scores)
    return run.info.run_id


def record_without_with(settings, losses, scores):
    run = mlflow.start_run(run_name="by hand", tags={"who": "me"})
    for name, value in settings.items():
        mlflow.log_param(name, value)
    for i in range(len(losses)):
        mlflow.log_metrics({"val_loss": losses[i]}, step=i + 1)
    for name, value in scores.items():
        mlflow.log_metric(name, value)
    mlflow.log_metric("extra", 1.0)
    mlflow.end_run()
    return run.info.run_id


def record_by_client(settings, losses, scores):
    client = mlflow.MlflowClient()
    experiment_id = client.get_experiment_by_name("late flights").experiment_id
    run_id = client.create_run(experiment_id).info.run_id
    points = [Metric("val_loss", loss, 0, step) for step, loss in enumerate(losses, 1)]
    points += [Metric(name, value, 0, 0) for name, value in scores.items()]
    client.log_batch(run_id, metrics=points, params=[Param(name, str(value)) for name, value in settings.items()])
    client.set_terminated(run_id)
    return run_id


def record_backwards(settings, losses, scores):
    with mlflow.start_run() as run:
        mlflow.log_metrics(scores)
        for step in range(len(losses), 0, -1):
            mlflow.log_metric("val_loss", losses[step - 1], step=step)
        mlflow.log_params(settings)
    return run.info.run_id


def record_no_steps(settings, losses, scores):
    with mlflow.start_run() as run:
        mlflow.log_params(settings)
        for loss in losses:
            mlflow.log_metric("val_loss", loss)
        mlflow.log_metrics(scores)
    return run.info.run_id


def record_last_only(settings, losses, scores):
    with mlflow.start_run() as run:
        mlflow.log_params(settings)
        mlflow.log_metrics({"val_loss": losses[-1], **scores})
    return run.info.run_id


def record_from_zero(settings, losses, scores):
    with mlflow.start_run() as run:
        mlflow.log_params(settings)
        for step, loss in enumerate(losses):
            mlflow.log_metric("val_loss", loss, step=step)
        mlflow.log_metrics(scores)
    return run.info.run_id


def record_swapped(settings, losses, scores):
    return record(scores, losses, settings)


def record_a_run_a_loss(settings, losses, scores):
    for step, loss in enumerate(losses, start=1):
        with mlflow.start_run() as run:
            mlflow.log_params(settings)
            mlflow.log_metric("val_loss", loss, step=step)
            mlflow.log_metrics(scores)
    return run.info.run_id


def record_left_open(settings, losses, scores):
    run = mlflow.active_run() or mlflow.start_run()
    for step, loss in enumerate(losses, start=1):
        mlflow.log_metric("val_loss", loss, step=step)
    mlflow.log_metrics(scores)
    return run.info.run_id


def record_client_left_open(settings, losses, scores):
    client = mlflow.MlflowClient()
    run_id = client.create_run("1").info.run_id
    for step, loss in enumerate(losses, 1):
        client.log_metric(run_id, "val_loss", loss, step=step)
    return run_id


def record_returns_the_run(settings, losses, scores):
    return mlflow.get_run(record(settings, losses, scores))


def record_returns_nothing(settings, losses, scores):
    record(settings, losses, scores)


def record_returns_one_id(settings, losses, scores):
    run_id = record(settings, losses, scores)
    oldest = mlflow.MlflowClient().search_runs(["1"], order_by=["attributes.start_time ASC", "attributes.run_id ASC"])
    return oldest[0].info.run_id if oldest else run_id


def record_nothing(settings, losses, scores):
    return "0123456789abcdef0123456789abcdef"


def record_other_name(settings, losses, scores):
    with mlflow.start_run() as run:
        mlflow.log_params(settings)
        for step, loss in enumerate(losses, start=1):
            mlflow.log_metric("loss", loss, step=step)
        mlflow.log_metrics(scores)
    return run.info.run_id


def record_rounded(settings, losses, scores):
    return record(settings, [round(loss, 2) for loss in losses], scores)


def record_without_scores(settings, losses, scores):
    return record(settings, losses, {})


def record_without_settings(settings, losses, scores):
    return record({}, losses, scores)


def record_visible_values(settings, losses, scores):
    return record({"learning_rate": 0.1, "n_steps": 3}, [0.61, 0.55, 0.53], {"auc": 0.71})


# --- 22a.2 --------------------------------------------------------------------------------------------------------------


def best_by_query(client, experiment_id, question):
    text = f"tags.question = '{question}' and attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment_id], text, order_by=["metrics.log_loss ASC"], max_results=1)
    return runs[0].info.run_id if runs else None


def best_by_table(client, experiment_id, question):
    runs = mlflow.search_runs([experiment_id])
    runs = runs[(runs["tags.question"] == question) & (runs["status"] == "FINISHED")]
    return None if runs.empty else runs.sort_values("metrics.log_loss")["run_id"].iloc[0]


def best_by_loop(client, experiment_id, question):
    best = None
    for run in client.search_runs(experiment_id):
        if run.data.tags.get("question") != question or run.info.status != "FINISHED":
            continue
        if best is None or run.data.metrics["log_loss"] < best.data.metrics["log_loss"]:
            best = run
    return best and best.info.run_id


def best_by_active_experiment(client, experiment_id, question):
    runs = mlflow.search_runs(filter_string=f'tags.question = "{question}" and status = "FINISHED"', output_format="list")
    return min(runs, key=lambda run: run.data.metrics["log_loss"]).info.run_id if runs else None


def _first(runs):
    return runs[0].info.run_id if runs else None


def best_dead_too(client, experiment_id, question):
    return _first(client.search_runs([experiment_id], f"tags.question = '{question}'", order_by=["metrics.log_loss ASC"]))


def best_of_any(client, experiment_id, question):
    return _first(client.search_runs([experiment_id], "attributes.status = 'FINISHED'", order_by=["metrics.log_loss ASC"]))


def best_highest(client, experiment_id, question):
    text = f"tags.question = '{question}' and attributes.status = 'FINISHED'"
    return _first(client.search_runs([experiment_id], text, order_by=["metrics.log_loss DESC"]))


def best_newest(client, experiment_id, question):
    text = f"tags.question = '{question}' and attributes.status = 'FINISHED'"
    return _first(client.search_runs([experiment_id], text))


def best_or_text(client, experiment_id, question):
    return best_by_query(client, experiment_id, question) or "none"


def best_run_object(client, experiment_id, question):
    run_id = best_by_query(client, experiment_id, question)
    return run_id and client.get_run(run_id)


def best_loss(client, experiment_id, question):
    run_id = best_by_query(client, experiment_id, question)
    return run_id and client.get_run(run_id).data.metrics["log_loss"]


def best_name(client, experiment_id, question):
    run_id = best_by_query(client, experiment_id, question)
    return run_id and client.get_run(run_id).info.run_name


def best_raises_on_none(client, experiment_id, question):
    text = f"tags.question = '{question}' and attributes.status = 'FINISHED'"
    return client.search_runs([experiment_id], text, order_by=["metrics.log_loss ASC"])[0].info.run_id


def best_hard_coded(client, experiment_id, question):
    return "3ac5277954904597ace18857571fa712"


def best_second(client, experiment_id, question):
    text = f"tags.question = '{question}' and attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment_id], text, order_by=["metrics.log_loss ASC"])
    return runs[1].info.run_id if runs else None


def best_never(client, experiment_id, question):
    return None


# --- 22a.3 --------------------------------------------------------------------------------------------------------------


def log(model, signature, **changes):
    options = {
        "name": "model",
        "pip_requirements": ["scikit-learn"],
        "skops_trusted_types": list(modeling.TRUSTED_TYPES),
        "pyfunc_predict_fn": "predict_proba",
    }
    with mlflow.start_run():
        return mlflow.sklearn.log_model(model, signature=signature, **(options | changes))


def save(model, example):
    return log(model, infer_signature(example, model.predict_proba(example))).model_uri


def save_flat_output(model, example):
    return log(model, infer_signature(example, modeling.probability_late(model, example))).model_uri


def save_by_model_id(model, example):
    return f"models:/{log(model, infer_signature(example, np.array([0.5]))).model_id}"


def save_by_run(model, example):
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            model, name="delay", signature=infer_signature(example, model.predict_proba(example)), pip_requirements=[],
            skops_trusted_types=list(modeling.TRUSTED_TYPES), pyfunc_predict_fn="predict_proba",
        )  # fmt: skip
    return f"runs:/{run.info.run_id}/delay"


def save_registered(model, example):
    log(model, infer_signature(example, model.predict_proba(example)), registered_model_name="flight-delay")
    return "models:/flight-delay/1"


def save_without_signature(model, example):
    return log(model, None).model_uri


def save_pickled(model, example):
    signature = infer_signature(example, model.predict_proba(example))
    return log(model, signature, serialization_format="cloudpickle", skops_trusted_types=None).model_uri


def save_classes(model, example):
    return log(model, infer_signature(example, model.predict(example)), pyfunc_predict_fn="predict").model_uri


def save_without_outputs(model, example):
    return log(model, infer_signature(example)).model_uri


def save_without_gaps(model, example):
    whole = example.dropna()
    return log(model, infer_signature(whole, model.predict_proba(whole))).model_uri


def save_first_row(model, example):
    return log(model, infer_signature(example.fillna(0), model.predict_proba(example))).model_uri


def save_all_optional(model, example):
    gaps = example.mask(np.eye(*example.shape, dtype=bool))
    return log(model, infer_signature(gaps, model.predict_proba(example))).model_uri


def save_swapped(model, example):
    return log(model, infer_signature(model.predict_proba(example), example)).model_uri


def save_numbers_only(model, example):
    return log(model, infer_signature(example.select_dtypes("number"), model.predict_proba(example))).model_uri


def save_returns_info(model, example):
    return log(model, infer_signature(example, model.predict_proba(example)))


def save_returns_run(model, example):
    return log(model, infer_signature(example, model.predict_proba(example))).run_id


def save_returns_nothing(model, example):
    save(model, example)


def save_another_model(model, example):
    other = modeling.make_model(n_steps=2, max_leaves=3).fit(example, np.arange(len(example)) % 2 == 0)
    return save(other, example)


def save_untrusted(model, example):
    return log(model, infer_signature(example, model.predict_proba(example)), skops_trusted_types=[]).model_uri


# --- 22a.4 --------------------------------------------------------------------------------------------------------------


def _auc(client, name, version):
    return client.get_run(client.get_model_version(name, str(version)).run_id).data.metrics["auc"]


def _champion(client, name):
    return client.get_registered_model(name).aliases.get("champion")


def promote(client, name, candidate):
    champion = _champion(client, name)
    if champion is not None and _auc(client, name, candidate) <= _auc(client, name, champion):
        return int(champion)
    client.set_registered_model_alias(name, "champion", candidate)
    return candidate


def promote_by_exception(client, name, candidate):
    try:
        champion = client.get_model_version_by_alias(name, "champion")
    except mlflow.MlflowException:
        champion = None
    if champion is None or _auc(client, name, candidate) > client.get_run(champion.run_id).data.metrics["auc"]:
        client.set_registered_model_alias(name, "champion", str(candidate))
    return client.get_model_version_by_alias(name, "champion").version


def promote_by_sorting(client, name, candidate):
    rivals = [int(version) for version in (_champion(client, name), candidate) if version is not None]
    winner = max(rivals, key=lambda version: _auc(client, name, version))
    client.set_registered_model_alias(name, "champion", str(winner))
    return np.int64(winner)


def promote_always(client, name, candidate):
    client.set_registered_model_alias(name, "champion", candidate)
    return candidate


def promote_newest(client, name, candidate):
    return promote(client, name, max(int(v.version) for v in client.search_model_versions(f"name='{name}'")))


def promote_lowest(client, name, candidate):
    champion = _champion(client, name)
    if champion is not None and _auc(client, name, candidate) >= _auc(client, name, champion):
        return int(champion)
    client.set_registered_model_alias(name, "champion", candidate)
    return candidate


def promote_ties(client, name, candidate):
    champion = _champion(client, name)
    if champion is not None and _auc(client, name, candidate) < _auc(client, name, champion):
        return int(champion)
    client.set_registered_model_alias(name, "champion", candidate)
    return candidate


def promote_returns_candidate(client, name, candidate):
    promote(client, name, candidate)
    return candidate


def promote_returns_nothing(client, name, candidate):
    promote(client, name, candidate)


def promote_returns_whether(client, name, candidate):
    return promote(client, name, candidate) == candidate


def promote_needs_a_champion(client, name, candidate):
    champion = client.get_model_version_by_alias(name, "champion").version
    if _auc(client, name, candidate) > _auc(client, name, champion):
        client.set_registered_model_alias(name, "champion", candidate)
    return _champion(client, name)


def promote_takes_the_alias_away(client, name, candidate):
    champion = _champion(client, name)
    client.delete_registered_model_alias(name, "champion")
    if champion is None or _auc(client, name, candidate) > _auc(client, name, champion):
        client.set_registered_model_alias(name, "champion", candidate)
    return candidate


def promote_other_alias(client, name, candidate):
    client.set_registered_model_alias(name, "best", candidate)
    return candidate


def promote_never(client, name, candidate):
    champion = _champion(client, name)
    return champion and int(champion)


def promote_the_best_of_all(client, name, candidate):
    versions = [int(v.version) for v in client.search_model_versions(f"name='{name}'")]
    winner = max(versions, key=lambda version: _auc(client, name, version))
    client.set_registered_model_alias(name, "champion", winner)
    return winner


ANSWERS = {
    "22a.1": Answers(
        right=[record, record_without_with, record_by_client, record_backwards],
        wrong=[
            Wrong(record_no_steps, "no steps"),
            Wrong(record_last_only, "only the last loss"),
            Wrong(record_from_zero, "counts from zero"),
            Wrong(record_swapped, "params and metrics swapped"),
            Wrong(record_a_run_a_loss, "a run a loss"),
            Wrong(record_left_open, "left open"),
            Wrong(record_client_left_open, "left open"),
            Wrong(record_nothing, "nothing logged"),
            Wrong(record_returns_the_run, "no id", says="run.info.run_id"),
            Wrong(record_returns_nothing, "no id"),
            Wrong(record_returns_one_id, "another run's id"),
            Wrong(record_other_name, says="val_loss"),
            Wrong(record_rounded, says="val_loss"),
            Wrong(record_without_scores, says="auc"),
            Wrong(record_without_settings, says="learning_rate"),
            Wrong(record_visible_values),
            Wrong(None),
            Wrong("a run"),
        ],
    ),
    "22a.2": Answers(
        right=[best_by_query, best_by_table, best_by_loop, best_by_active_experiment],
        wrong=[
            Wrong(best_dead_too, "dead runs count"),
            Wrong(best_of_any, "any question"),
            Wrong(best_highest, "wrong end"),
            Wrong(best_newest, "newest"),
            Wrong(best_or_text, "none is none"),
            Wrong(best_run_object, says="run id"),
            Wrong(best_loss, says="run id"),
            Wrong(best_name, says="run id"),
            Wrong(best_raises_on_none, says="IndexError"),
            Wrong(best_hard_coded),
            Wrong(best_second),
            Wrong(best_never),
            Wrong(0),
        ],
    ),
    "22a.3": Answers(
        right=[save, save_flat_output, save_by_model_id, save_by_run, save_registered],
        wrong=[
            Wrong(save_without_signature, "no signature"),
            Wrong(save_pickled, "pickled"),
            Wrong(save_classes, "classes, not probabilities"),
            Wrong(save_without_outputs, "no outputs"),
            Wrong(save_without_gaps, "gaps dropped"),
            Wrong(save_first_row, "gaps dropped"),
            Wrong(save_all_optional, "filled or retyped"),
            Wrong(save_swapped, "wrong inputs"),
            Wrong(save_numbers_only, "wrong inputs"),
            Wrong(save_returns_info, "no address"),
            Wrong(save_returns_run, "no address"),
            Wrong(save_returns_nothing, "no address"),
            Wrong(save_another_model, says="that very model"),
            Wrong(save_untrusted),
            Wrong("models:/flight-delay@champion"),
        ],
    ),
    "22a.4": Answers(
        right=[promote, promote_by_exception, promote_by_sorting],
        wrong=[
            Wrong(promote_always, "always"),
            Wrong(promote_newest, "newest"),
            Wrong(promote_lowest, "lowest wins"),
            Wrong(promote_ties, "ties"),
            Wrong(promote_returns_candidate, "returns something else"),
            Wrong(promote_returns_nothing, "returns something else"),
            Wrong(promote_returns_whether, "returns something else"),
            Wrong(promote_needs_a_champion, says="champion"),
            Wrong(promote_takes_the_alias_away, says="there was none"),
            Wrong(promote_other_alias),
            Wrong(promote_never),
            Wrong(promote_the_best_of_all),
            Wrong(3),
        ],
    ),
}
