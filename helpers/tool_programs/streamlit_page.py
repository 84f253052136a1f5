"""A form for one flight, in Streamlit: `streamlit run streamlit_page.py`."""

import streamlit as st
from forecast import FLIGHT, late

asked = []
with st.form("flight"):
    departure_minute = st.slider("minute of departure", 0.0, 1439.0, FLIGHT["departure_minute"])
    wind_speed = st.slider("wind (mph)", 0.0, 60.0, FLIGHT["wind_speed"])
    origin = st.selectbox("from", ["EWR", "JFK", "LGA"], ["EWR", "JFK", "LGA"].index(FLIGHT["origin"]))
    sent = st.form_submit_button("Forecast")
if sent:
    asked.append(origin)
    changes = {"departure_minute": departure_minute, "wind_speed": wind_speed, "origin": origin}
    st.metric("chance", late(FLIGHT | changes))
    st.metric("asked", len(asked))
