"""What is wrong with a field is a sentence with parameters, in English wherever text is wanted."""

from __future__ import annotations

import json

from appliance.core.language import Message


def test_a_message_is_its_english_text_and_keeps_what_was_put_in() -> None:
    found = Message("must be %(n)s or less", n=60)
    assert found == "must be 60 or less"
    assert json.dumps({"deadline": found}) == '{"deadline": "must be 60 or less"}'
    assert (found.template, dict(found.values)) == ("must be %(n)s or less", {"n": 60})


def test_a_message_without_parameters_is_taken_as_it_stands() -> None:
    assert Message("100% sure, write {name}") == "100% sure, write {name}"


def test_a_message_goes_to_another_process_and_back() -> None:
    found = Message("%(what)s %(n)s", what=Message("The disk of %(name)s is full.", name="nas"), n=3)
    back = Message.from_json(json.loads(json.dumps(found.as_json())))
    assert back == found
    assert back.values["what"].template == "The disk of %(name)s is full."
