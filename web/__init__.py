"""The course's studio as a page that computes in the browser. See README.md."""
