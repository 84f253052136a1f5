"""What the service tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """What /metrics tells. Each service has its own, so that tests can have several."""

    def __init__(self):
        self.registry = CollectorRegistry()
        ours = {"registry": self.registry}
        self.requests = Counter("requests_total", "Requests for a prediction, by outcome.", ["outcome"], **ours)
        self.predictions = Counter("predictions_total", "Rows that were answered, by version.", ["version"], **ours)
        self.seconds = Histogram("prediction_seconds", "Seconds that an answered row took.", **ours)
        self.version = Gauge("model_version", "1 for the version in use.", ["version"], **ours)
        self.rows = Gauge("drift_window_rows", "Rows in the window that drift is looked for in.", **ours)
        self.at_least = Gauge("drift_at_least", "Rows that the window must have; with fewer, drift is unknown.", **ours)
        self.distance = Gauge(
            "drift_distance", "Distance of a feature from the training data; NaN: unknown.", ["feature"], **ours
        )
        self.limit = Gauge("drift_limit", "What the distance does not pass by chance; NaN: unknown.", ["feature"], **ours)
        for outcome in ("answered", "refused", "failed"):
            self.requests.labels(outcome)  # from the start, so that a rate can be taken of the first one too
