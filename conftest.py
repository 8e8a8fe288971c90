"""What holds for every test, and for the kernels that nbval starts."""

import os

from scripts import build, claims, notebook

for _name, _value in notebook.ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)


def pytest_terminal_summary(terminalreporter):
    """The chapters' claims and CPU times, which tests judge, printed whatever comes of it."""
    ran = [r for reports in terminalreporter.stats.values() for r in reports]
    if not any("test_notebooks.py" in getattr(r, "nodeid", "") for r in ran):
        return
    terminalreporter.section("claims: measured live, on recorded runs alone; cells that only print")
    for path in build.chapters():
        live, kept, text = claims.count(notebook.read(path))
        terminalreporter.write_line(f"{path.name:40} {live:4} {kept:4} {text:4}")
    times = build.cpu_times()
    if times:
        terminalreporter.section("CPU seconds of each chapter, at a quiet machine's pace")
        for name, seconds in times.items():
            mark = "  OVER BUDGET" if seconds > 60 else ""
            terminalreporter.write_line(f"{name:40} {seconds:6.1f}{mark}")
        terminalreporter.write_line(f"{'all':40} {sum(times.values()):6.1f}")
