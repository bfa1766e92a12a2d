"""nbgrader's settings: for `make assignments`, and for nbgrader's own commands."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "inpainting"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.IncludeHeaderFooter.header = ""
c.Execute.timeout = 30  # seconds a cell
