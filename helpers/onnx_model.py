"""The pipeline as one ONNX file: what a service needs, and nothing that can run code when it is opened.

`convert` needs scikit-learn; `OnnxModel` needs numpy and ONNX Runtime alone, so that a service stays small.
"""

import json

import numpy as np

KEY = "flight-delay"  # of our entry in the file's metadata
INPUT, OUTPUT = "X", "probability"


class ModelError(Exception):
    """A model file cannot be used; the message says why."""


def convert(model):
    """Make an ONNX file of a fitted pipeline.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        As from `helpers.modeling.make_model`, fitted.

    Returns
    -------
    bytes
        The trees as ONNX; in its metadata the names of the features in order, and the categories of each text column.
        It computes in single precision: probabilities agree to about six decimals.
    """
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    columns = model.named_steps["columns"]
    (_, _, numeric), (_, codes, categorical) = columns.transformers_
    known = {name: list(values) for name, values in zip(categorical, codes.categories_, strict=True)}
    wanted = [None, len(numeric) + len(categorical)]
    converted = to_onnx(model.named_steps["trees"], initial_types=[(INPUT, FloatTensorType(wanted))], options={"zipmap": False})
    _only_probability(converted.graph)
    entry = converted.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps({"numeric": list(numeric), "categories": known})
    return converted.SerializeToString()


def _only_probability(graph):
    """Make the graph give one probability a row: as a classifier, with labels and both classes, it takes a quarter longer."""
    from onnx import helper

    (trees,) = graph.node
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in trees.attribute}
    kept = {name: value for name, value in given.items() if name.startswith("nodes_") or name == "base_values"}
    kept |= {f"target_{name}": given[f"class_{name}"] for name in ("nodeids", "treeids", "weights")}
    kept |= {"target_ids": [0] * len(given["class_ids"]), "n_targets": 1}
    del graph.node[:], graph.output[:]
    graph.node.append(helper.make_node("TreeEnsembleRegressor", [INPUT], ["score"], domain="ai.onnx.ml", **kept))
    graph.node.append(helper.make_node("Sigmoid", ["score"], [OUTPUT]))
    graph.output.append(helper.make_tensor_value_info(OUTPUT, 1, [None, 1]))  # 1: float


class OnnxModel:
    """A model read from an ONNX file, on one thread: a service runs one process for each core.

    Parameters
    ----------
    content : bytes
        As from `convert`.

    Attributes
    ----------
    numeric : tuple of str
    categories : dict of str to dict of str to float
        Text column, its values, the code of each.
    features : tuple of str
        The columns of the matrix, in order: numbers first.

    Raises
    ------
    ModelError
        It is no ONNX file, or not one of ours.
    """

    def __init__(self, content):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            told = json.loads(self._session.get_modelmeta().custom_metadata_map[KEY])
        except KeyError:
            raise ModelError("This ONNX file does not say what its columns are: make it with onnx_model.convert.") from None
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise ModelError(f"This is no ONNX file that can be opened ({type(error).__name__}).") from error
        self.numeric = tuple(told["numeric"])
        self.categories = {name: {v: float(i) for i, v in enumerate(values)} for name, values in told["categories"].items()}
        self.features = (*self.numeric, *self.categories)

    def encode(self, flights):
        """Turn flights into the matrix that the model reads.

        Parameters
        ----------
        flights : list of dict
            With every feature; others are left alone. None is a missing number; text that training never saw gets -1.

        Returns
        -------
        numpy.ndarray of float32, shape (n, len(features))
        """
        text = [(name, known.get) for name, known in self.categories.items()]
        rows = [
            [*[flight[name] for name in self.numeric], *[code(flight[name], -1.0) for name, code in text]] for flight in flights
        ]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.features))

    def encode_columns(self, columns):
        """Turn columns into the matrix that the model reads.

        Parameters
        ----------
        columns : dict of str to (list, numpy.ndarray, or (list of str, numpy.ndarray of int))
            Feature to its values, all equally long, else as in `encode`; a text may come as its distinct words and, for
            each row, which of them.

        Returns
        -------
        numpy.ndarray of float32, shape (n, len(features))
        """
        matrix = np.empty((len(columns[self.features[0]]), len(self.features)), dtype=np.float32)
        for place, name in enumerate(self.numeric):
            matrix[:, place] = columns[name]
        for place, (name, known) in enumerate(self.categories.items(), start=len(self.numeric)):
            if isinstance(columns[name], tuple):
                words, places = columns[name]
                matrix[:, place] = np.array([known.get(word, -1.0) for word in words], dtype=np.float32)[places]
            else:
                matrix[:, place] = [known.get(value, -1.0) for value in columns[name]]
        return matrix

    def probability_late(self, matrix):
        """Predict how likely each flight is to arrive late.

        Parameters
        ----------
        matrix : numpy.ndarray of float32, shape (n, len(features))
            As from `encode`.

        Returns
        -------
        numpy.ndarray of float32, shape (n,)
            Probabilities, 0 to 1. No rows give an empty array.
        """
        if not len(matrix):
            return np.empty(0, dtype=np.float32)
        return self._session.run([OUTPUT], {INPUT: matrix})[0][:, 0]
