"""The curriculum's finished sections, bullet by bullet: the lesson cells that teach each, the questions that practise it."""

L11, L12, L21, L22B = "11_what_is_mlops", "12_ml_lifecycle", "21_why_experiment_tracking", "22b_weights_and_biases"
L22C, L23, L31 = "22c_tensorboard", "23_compare_and_reproduce", "31_rest_api"
L32, L33A, L33B, L33C = "32_interactive_apps", "33a_cloud", "33b_on_prem", "33c_edge"
L41, L42A, L42B, L42C = "41_why_ci_cd", "42a_github_actions", "42b_dvc", "42c_jenkins_and_mlflow_projects"
L51, L52 = "51_post_deployment_monitoring", "52_logging_and_alerting"
L53, L54 = "53_human_in_the_loop", "54_incident_room"
L61A, L61B, L61C = "61a_containers", "61b_kubernetes", "61c_many_machines"
L62, L70 = "62_choosing_tools", "70_capstone"
DEVOPS = "Applying DevOps principles (automation, versioning, monitoring) to ML workflows"
COMPARE = "Discussion: compare traditional software pipelines with ML pipelines and identify key challenges"
VISUALIZE = "Visualize model training loss, ROC, and parameters"

CURRICULUM = {  # section: bullet: (cells as (lesson, cell id), question ids)
    "1.1 What is MLOps?": {
        DEVOPS: (
            [(L11, cell) for cell in ("commit", "damage", "fingerprints", "gate", "release", "monitor")],
            ["11.1", "11.2", "11.3"],
        ),
        "Collaboration across data scientists, ML engineers, and DevOps teams": (
            [(L11, cell) for cell in ("by-mail", "contract", "served")],
            ["11.3"],
        ),
        "Reproducibility, scalability, and governance as key goals": (
            [(L11, cell) for cell in ("reproduce", "scale", "chain", "edited", "resealed")],
            ["11.2", "11.3", "11.4"],
        ),
    },
    "1.2 The ML lifecycle": {
        "Development: data cleaning, feature engineering, model training": (
            [(L12, cell) for cell in ("raw", "gaps", "cancelled", "clean", "feature", "feature-compare", "train")],
            ["12.2", "12d.2"],
        ),
        "Validation: evaluation metrics, cross-validation, testing": (
            [(L12, cell) for cell in ("metrics", "cv", "cv-choice", "rehearse", "tests", "swapped")],
            ["12.1", "12d.2"],
        ),
        "Deployment: serving model predictions via APIs": ([(L12, cell) for cell in ("serve", "served")], ["12.4"]),
        "Monitoring: track model performance, detect drift, trigger retraining": (
            [(L12, cell) for cell in ("weeks", "weeks-plot", "drift", "trigger", "retrain", "stale", "standstill")],
            ["12.3", "12d.1", "12d.3"],
        ),
        COMPARE: ([(L12, "two-pipelines"), (L12, "stale"), (L12, "swapped")], ["12d.1", "12d.2", "12d.3", "12d.4", "12d.5"]),
    },
    "2.1 Why experiment tracking?": {
        "Keeping track of model runs, parameters, metrics, and artifacts": (
            [(L21, cell) for cell in ("ask-the-file", "price-today", "record", "again", "curves")],
            ["21.1", "21.2"],
        ),
        "Collaborating on reproducible experiments": (
            [(L21, cell) for cell in ("colleague", "missing", "versions", "two-writers")],
            ["21.1", "21.3"],
        ),
    },
    "2.2 Tools": {
        "MLflow: tracking experiments, saving models, parameter logging": (
            [("22a_mlflow", cell) for cell in ("a8f9343a", "bfb35fb8", "bc4db297", "74c686e8", "8d76b0de")],
            ["22a.1", "22a.2", "22a.3", "22a.4"],
        ),
        "Weights & Biases (W&B): advanced dashboards, artifact versioning": (
            [
                ("22b_weights_and_biases", cell)
                for cell in ("first-run", "digests", "chain", "sweep-run", "board-table", "board-plots")
            ],
            ["22b.1", "22b.2", "22b.3"],
        ),
        "TensorBoard: visualize training loss, metrics, graphs": (
            [
                ("22c_tensorboard", cell)
                for cell in ("log-training", "draw-curves", "draw-roc", "ask-pr", "log-graph", "ask-hparams")
            ],
            ["22c.1", "22c.2", "22c.3", "22c.4"],
        ),
    },
    "2.2 Exercise": {
        "Train a model with MLflow and W&B tracking": (
            [("22a_mlflow", "bfb35fb8"), (L22B, "first-run")],
            ["22.1", "22.2"],
        ),
        VISUALIZE: (
            [("22a_mlflow", "dd2f5792"), (L22B, "roc"), (L22C, "draw-curves"), (L22C, "draw-roc")],
            ["22.3", "22.4"],
        ),
    },
    "2.3 Run comparisons & reproducibility": {
        "Compare multiple experiment runs": (
            [(L23, cell) for cell in ("grid", "table", "scatter", "parallel", "one-change", "flattery")],
            ["23.1"],
        ),
        "Save run artifacts for rollback and auditing": (
            [(L23, cell) for cell in ("behind", "promote", "service", "ask", "audit", "by-hand")],
            ["23.3", "23.4"],
        ),
        "Use tags and version control with Git + ML metadata": (
            [
                ("23_compare_and_reproduce", cell)
                for cell in ("repository", "facts", "record", "reproduce", "dirty", "data-changed")
            ],
            ["23.2"],
        ),
    },
    "3.1 REST API deployments": {
        "Serve models using FastAPI or Flask": (
            [(L31, cell) for cell in ("loose-app", "flask-app", "measure", "strict-app", "helper-service")],
            ["31.2"],
        ),
        "Create endpoints for predict(), healthcheck()": (
            [(L31, cell) for cell in ("loose-app", "contract", "strict-app", "bad-statuses", "bad-reasons", "damage")],
            ["31.1", "31.2"],
        ),
        "Testing with Postman / curl / Python requests": (
            [(L31, cell) for cell in ("by-curl", "by-python", "collection", "run-newman", "killed")],
            ["31.3"],
        ),
    },
    "3.2 Interactive ML apps": {
        "Use Streamlit or Gradio for quick, intuitive interfaces": (
            [
                (L32, cell)
                for cell in ("small-gradio", "ask-small", "counter", "small-streamlit", "slider", "gradio", "streamlit")
            ],
            ["32.2", "32.3"],
        ),
        "Upload CSV, get predictions, view visualizations": (
            [(L32, cell) for cell in ("broken", "by-hand", "uploads", "rows", "ask-gradio", "ask-streamlit", "plot", "drill")],
            ["32.1", "32.2", "32.3"],
        ),
        "Share apps publicly via Hugging Face Spaces or Streamlit Cloud": (
            [(L32, cell) for cell in ("share", "spaces", "pins", "guard", "public")],
            ["32.4"],
        ),
    },
    "3.3 Deployment targets": {
        "Cloud: AWS (SageMaker, EC2), GCP (Vertex AI), Azure": (
            [
                (L33A, cell)
                for cell in ("sagemaker", "endpoint", "userdata", "launch", "vertex", "azure", "same", "table", "inventory")
            ],
            ["33a.1", "33a.2", "33a.3"],
        ),
        "On-prem: deploy via internal infrastructure": (
            [(L33B, cell) for cell in ("unit", "exposure", "caddyfile", "trust", "drain", "under-load", "ablation", "drill")],
            ["33b.1", "33b.2", "33b.3"],
        ),
        "Edge: convert models to ONNX/TFLite for mobile/IoT devices": (
            [
                (L33C, cell)
                for cell in ("trees-on-device", "quantise-onnx", "tflite-script", "on-litert", "compare", "cost-table", "gate")
            ],
            ["33c.1", "33c.2", "33c.3"],
        ),
    },
    "3 Mini project": {
        "Deploy a classifier using Streamlit and expose a REST API with FastAPI": (
            [(L31, "strict-app"), (L31, "helper-service"), (L32, "small-streamlit"), (L32, "streamlit")],
            ["30.1", "30.2", "30.3"],
        ),
    },
    "4.1 Why CI/CD for ML?": {
        "Automate repetitive ML tasks: training, testing, retraining": (
            [
                (L41, cell)
                for cell in ("steps", "schema-test", "freshness-test", "leakage-test", "gate", "job", "trigger", "drill-with")
            ],
            ["41.1", "41.3"],
        ),
        "Ensure consistent performance across versions and environments": (
            [(L41, cell) for cell in ("three-results", "run-three-times", "two-environments", "gate", "slices", "contract")],
            ["41.2", "41.3"],
        ),
    },
    "4.2 Tools": {
        "GitHub Actions: automate workflows triggered by commits": (
            [
                (L42A, cell)
                for cell in ("ten-lines", "ten-lines-push", "train-job", "whole", "better", "night", "careless-lint", "clean-run")
            ],
            ["42a.1", "42a.2"],
        ),
        "DVC (Data Version Control): version datasets and pipelines": (
            [
                (L42B, cell)
                for cell in ("by-hand", "dvc-add", "push-pull", "dvc-yaml", "repro", "experiment", "february", "back", "trace")
            ],
            ["42b.1", "42b.2", "42b.3"],
        ),
        "Jenkins, MLflow Pipelines: for larger pipelines and teams": (
            [
                (L42C, cell)
                for cell in ("parse", "outline", "compare", "run", "lint-regret", "project", "missing", "from-commit", "program")
            ],
            ["42c.1", "42c.2", "42c.3"],
        ),
    },
    "4 Exercise": {
        "Set up a GitHub Action to train and log a model on each push": (
            [(L42A, cell) for cell in ("train-job", "better", "read-back", "trace")],
            ["40.1", "40.2", "40.3"],
        ),
    },
    "5.1 Post-deployment monitoring": {
        "Model drift: distributional changes in input data": (
            [
                (L51, cell)
                for cell in ("told-apart", "exact-reference", "false-alarms", "quiet-days", "quiet-weeks", "april-weeks", "psi")
            ]
            + [(L51, cell) for cell in ("adwin", "as-it-comes", "report", "verdict")]
            + [(L54, "disagree")],
            ["51.1", "51.2", "51.4", "54.1", "54.2"],
        ),
        "Data quality: nulls, outliers in production vs. training": (
            [(L51, cell) for cell in ("told-apart", "quality", "adwin-gap", "frozen", "longest-run", "fading")],
            ["51.2", "51.4", "54.1"],
        ),
        "Performance decay: AUC/F1 drop over time": (
            [(L51, cell) for cell in ("truth", "late-labels", "honest-before", "decay-weeks", "plot-decay", "verdict")],
            ["51.2", "51.3"],
        ),
    },
    "5.2 Logging and alerting": {
        "Use Prometheus and Grafana to monitor metrics": (
            [(L52, cell) for cell in ("metrics", "start", "drift-plot", "figure", "page", "grafana")] + [(L54, "prometheus")],
            ["52.1", "54.2"],
        ),
        "Log inputs/outputs for auditing and traceability": (
            [(L52, cell) for cell in ("buffered-log", "serve", "kill", "trace", "redact")],
            ["52.2", "52.3"],
        ),
        "Set thresholds and alerts (email, Slack, dashboards)": (
            [
                (L52, cell)
                for cell in ("absent", "rules", "rule-test", "routes", "drift", "silence", "group", "drill", "mended", "panels")
            ],
            ["52.1", "50.3"],
        ),
    },
    "5.3 Human-in-the-loop feedback": {
        "Enable user correction and feedback loops": (
            [(L53, cell) for cell in ("two-scores", "queue", "page", "visit", "desks", "rare", "pairs", "truth")],
            ["53.2", "53.3"],
        ),
        "Use feedback for retraining or adjusting model thresholds": (
            [
                (L53, cell)
                for cell in ("cost", "alert", "retrain", "gate-run", "shadow-run", "canary-run", "promote", "poison", "roll-back")
            ],
            ["53.1", "53.3", "53.4"],
        ),
    },
    "5 Activity": {
        "Simulate model drift and use logs to flag an alert": (
            [(L51, "frozen"), (L52, "drift"), (L52, "trace"), (L53, "alert")],
            ["50.1", "50.2", "50.3", "50.4"],
        ),
    },
    "6 Infrastructure and deployment": {
        "Docker: containerize ML apps": (
            [(L61A, cell) for cell in ("naive", "ignore", "layers", "dockerfile", "build", "signals", "health")]
            + [(L61A, cell) for cell in ("compose", "order", "names", "drill", "as-compose", "wrong-port", "right-port")],
            ["61a.1", "61a.2", "61a.3"],
        ),
        "Kubernetes: scale apps and manage services in production": (
            [(L61B, cell) for cell in ("load", "routes", "kubelet", "render", "schemas", "old-api", "policies", "rollout")]
            + [(L61B, cell) for cell in ("formula", "traps", "day-run", "drill-run", "jump")]
            + [(L61C, cell) for cell in ("cluster", "century", "century-reconcile", "gain", "sweep", "manifests")],
            ["61b.1", "61b.2", "61b.3", "61c.1", "61c.2", "61c.3", "61c.4"],
        ),
        "Cloud Platforms: AWS, GCP, Azure for managed services": (
            [(L61B, cell) for cell in ("managed", "cost")],
            ["61b.4"],
        ),
    },
    "6 Application interfaces": {
        "Streamlit, Gradio for demos": (
            [(L62, cell) for cell in ("pages", "state", "together", "as-api", "apis")],
            ["62.1", "62.2"],
        ),
        "Hugging Face Spaces for public-facing prototypes": (
            [(L62, "spaces"), (L70, "space")],
            ["62.3", "70.3"],
        ),
    },
    "6 Model lifecycle tools": {
        "MLflow, W&B, TensorBoard for experiment tracking": (
            [(L62, cell) for cell in ("track", "asked", "questions", "killed", "evidence", "guide")],
            ["62.2", "62.3", "62.4"],
        ),
        "DVC, Git, GitHub Actions for automation and versioning": (
            [(L62, cell) for cell in ("repositories", "versions", "switch", "clone", "diff", "cache-gone", "act")],
            ["62.3", "62.4"],
        ),
    },
    "Capstone: End-to-End ML Deployment with Monitoring": {
        "Train a classification model with W&B or MLflow tracking": ([(L70, "start"), (L70, "ready")], ["70.1"]),
        "Deploy the model using FastAPI": ([(L70, "ask")], ["70.2"]),
        "Wrap with a Streamlit interface": ([(L70, "page")], ["70.3"]),
        "Set up basic Prometheus metrics and an alerting simulation": (
            [(L70, cell) for cell in ("metrics", "quiet", "drift", "alert")],
            ["70.2", "70.4"],
        ),
        "Document your CI/CD flow (GitHub + Actions)": (
            [(L70, cell) for cell in ("push", "red", "rollback")],
            ["70.5", "70.6"],
        ),
        "Share as a Hugging Face Space or Streamlit public app": ([(L70, "space")], ["70.3"]),
    },
}
