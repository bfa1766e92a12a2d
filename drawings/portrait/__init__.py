"""How a portrait is drawn: who sits (people), the tools (canvas), and a module a part of it."""
