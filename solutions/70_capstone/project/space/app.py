"""The page of the Space: the form, and the model in this very process. `python -m streamlit run app.py` in this folder.

`python train.py` brings it the model and the modules predictor, schema and form.
"""

from pathlib import Path

import pydantic
import streamlit as st

import form
import predictor
import schema

HERE = Path(__file__).resolve().parent


@st.cache_resource(show_spinner="The model is loaded.")
def load():
    """Load the model, once for all visitors."""
    return predictor.Predictor(HERE / "model")


### BEGIN SOLUTION
st.title("How likely is a late arrival?")
model = load()
row = form.ask(model.fields)
if row is not None:
    try:
        model.validator.validate_python(row)
        form.show(model.probability(row), model.version)
    except pydantic.ValidationError as error:
        st.error("; ".join(f"{each['field']}: {each['problem']}" for each in schema.problems(error)))
### END SOLUTION
