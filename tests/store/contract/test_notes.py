"""Small notes beside a state: the last one is there, as a whole, and no lock is needed."""

from __future__ import annotations

from tests.store.builders import add_server
from tests.store.contract.places import Place, open_at


def test_the_last_note_of_a_name_is_read(place: Place) -> None:
    notes = place.store().notes
    assert notes.read("watch") is None
    notes.write("watch", b'{"number": 1}')
    notes.write("other", "말".encode())
    notes.write("watch", b'{"number": 2}')
    again = place.store().notes
    assert again.read("watch") == b'{"number": 2}' and again.read("other") == "말".encode()
    assert again.read("none") is None


def test_a_note_is_no_state_and_needs_no_lock(place: Place) -> None:
    store = place.store()
    store.notes.write("watch", b"first")
    assert store.read() is None and store.history() == ()
    writer = open_at(place)
    add_server(writer, 1)
    store.notes.write("watch", b"second")
    end = writer.commit()
    writer.close()
    assert place.store().read() == end and place.store().notes.read("watch") == b"second"
    assert place.store().history()[0] == end.serial
