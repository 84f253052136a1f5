"""A form for one row, made from the schema. It is copied into the Space, whose page has the same one."""

import streamlit as st

UNKNOWN = "unknown"


def ask(fields, button="Predict"):
    """Draw the form.

    Parameters
    ----------
    fields : list of dict
        A schema.
    button : str, default "Predict"

    Returns
    -------
    dict or None
        The row, once the button was pressed; None until then.
    """
    with st.form("row"):
        left, right = st.columns(2)
        row = {}
        for place, field in enumerate(fields):
            with left if place % 2 == 0 else right:
                row[field["name"]] = _value(field)
        return row if st.form_submit_button(button) else None


def _value(field):
    name, typical = field["name"], field["typical"]
    if field["kind"] == "category":
        values = field["values"] + ([UNKNOWN] if field["gaps"] else [])
        chosen = st.selectbox(name, values, index=values.index(typical))
        return None if chosen == UNKNOWN and field["gaps"] else chosen
    if field["kind"] == "flag":
        return st.checkbox(name, value=typical)
    return st.number_input(name, min_value=field["low"], max_value=field["high"], value=typical)


def show(probability, version):
    """Draw an answer.

    Parameters
    ----------
    probability : float
        0 to 1.
    version : str
    """
    st.metric("Probability", f"{probability:.0%}")
    st.progress(probability)
    st.caption(f"Model version {version}")
