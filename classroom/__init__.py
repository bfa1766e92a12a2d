"""A class: assignments made from the lessons' masters, and what students hand in, marked."""
