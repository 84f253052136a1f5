"""The departure board: it asks the flight service how late a flight may be, and keeps what people note about it.

    python -m uvicorn board:app --port 8080

FLIGHT_API is the address of the flight service, NOTES the file of the notes, BOARD_TOKEN_FILE a file with the word that
a caller must know who wants to write a note.
"""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import fastapi
import httpx

FLIGHT_API = os.environ.get("FLIGHT_API", "http://127.0.0.1:8000/")
NOTES = Path(os.environ.get("NOTES", "/data/notes.db"))
TOKEN_FILE = Path(os.environ.get("BOARD_TOKEN_FILE", "/run/secrets/board_token"))

app = fastapi.FastAPI(title="Departure board")


def notes():
    """The database of the notes, made if absent."""
    database = sqlite3.connect(NOTES)
    database.execute("CREATE TABLE IF NOT EXISTS notes (flight TEXT, note TEXT)")
    return closing(database)


@app.get("/health")
def health():
    """Whether it lives."""
    return {"live": True}


@app.post("/late")
def late(flight: dict):
    """How likely the flight is to be late, as the flight service says."""
    reply = httpx.post(FLIGHT_API + "predict", json=flight, timeout=10)
    if reply.status_code != 200:
        raise fastapi.HTTPException(reply.status_code, reply.json())
    return {"late": reply.json()["late"][0]}


@app.get("/notes")
def read_notes():
    """All notes, oldest first."""
    with notes() as database:
        return [{"flight": flight, "note": note} for flight, note in database.execute("SELECT flight, note FROM notes")]


@app.post("/notes")
def write_note(flight: str, note: str, authorization: str = fastapi.Header("")):
    """Keep a note of one who knows the token."""
    if not secrets.compare_digest(authorization, f"Bearer {TOKEN_FILE.read_text(encoding='utf-8').strip()}"):
        raise fastapi.HTTPException(401, "who are you?")
    with notes() as database:
        database.execute("INSERT INTO notes VALUES (?, ?)", (flight, note))
        database.commit()
    return {"kept": True}
